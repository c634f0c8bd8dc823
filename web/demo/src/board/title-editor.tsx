/** Editing of a card's title in place. */

import { type KeyboardEvent, type ReactNode, useLayoutEffect, useRef } from "react";

interface TitleEditorProps {
  readonly title: string;
  readonly save: (title: string) => void;
  /** `focus` tells whether the keyboard is to go back to the card. */
  readonly close: (focus: boolean) => void;
}

/** Enter and leaving save, Escape does not. */
export function TitleEditor({ title, save, close }: TitleEditorProps): ReactNode {
  const area = useRef<HTMLTextAreaElement>(null);
  const done = useRef(false);
  const fit = (): void => {
    const { current } = area;
    if (current === null) return;
    current.style.height = "auto";
    current.style.height = `${current.scrollHeight}px`;
  };
  useLayoutEffect(() => {
    fit();
    area.current?.select();
  }, []);
  const end = (keep: boolean, focus: boolean): void => {
    if (done.current) return; // to close takes the focus away, which would end it again
    done.current = true;
    const typed = area.current?.value.trim().replaceAll(/\s+/g, " ") ?? "";
    if (keep && typed !== "" && typed !== title) save(typed);
    close(focus);
  };
  const key = (event: KeyboardEvent): void => {
    if ((event.key !== "Enter" && event.key !== "Escape") || event.nativeEvent.isComposing) return;
    event.preventDefault();
    end(event.key === "Enter", true);
  };
  return <textarea ref={area} className="card-editor" rows={1} maxLength={200} aria-label="Title" defaultValue={title} onInput={fit} onBlur={() => end(true, false)} onKeyDown={key} />;
}
