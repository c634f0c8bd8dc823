/** What shows in place of a part of the page that has failed: never nothing. */

import { Component, type ReactNode } from "react";

interface BoundaryProps {
  /** What it is that may fail, such as "The board". */
  readonly what: string;
  readonly children: ReactNode;
}

export class Boundary extends Component<BoundaryProps, { readonly error: unknown }> {
  override state = { error: undefined as unknown };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error: error ?? new Error("no reason given") };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <section className="failed" role="alert">
        <h2>{this.props.what} cannot be shown.</h2>
        <p>This is a fault of the page, not of your data: what you have changed is stored, and is sent. Try again; if that does not help, reload.</p>
        <p><code>{error instanceof Error ? error.message : String(error)}</code></p>
        <p className="choices">
          <button className="button" onClick={() => this.setState({ error: undefined })}>Try again</button>
          <button className="button" onClick={() => location.reload()}>Reload the page</button>
        </p>
      </section>
    );
  }
}
