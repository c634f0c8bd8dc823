/** The header of all pages. */

import type { ReactNode } from "react";

export const PAGES = { Board: "/", Cities: "/cities", Access: "/access" } as const;
export type PageName = keyof typeof PAGES;

interface HeaderProps {
  readonly page: PageName;
  /** Buttons of the page. */
  readonly tools?: ReactNode;
  /** What stands at the right. */
  readonly children?: ReactNode;
}

export function Header({ page, tools, children }: HeaderProps): ReactNode {
  return (
    <header className="top">
      <a className="skip" href="#main">Skip to the {page === "Access" ? "page" : page.toLowerCase()}</a>
      <a className="brand" href={`/${location.search}`} aria-label="Syncline"><img src="/icon.svg" alt="" width={26} height={26} /><span>Syncline</span></a>
      <nav aria-label="Pages">
        {Object.entries(PAGES).map(([name, to]) => <a key={to} href={to + location.search} aria-current={name === page ? "page" : undefined}>{name}</a>)}
      </nav>
      <div className="tools">{tools}</div>
      <span className="gap" />
      {children}
    </header>
  );
}
