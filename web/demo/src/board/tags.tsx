/** The tags of a card. */

import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { Icon } from "../app/icon.js";

interface TagsProps {
  readonly tags: readonly string[];
  /** Whether a new one is being typed. */
  readonly adding: boolean;
  readonly begin: () => void;
  readonly add: (tag: string) => void;
  readonly remove: (tag: string) => void;
  /** `focus` tells whether the keyboard is to go back to the card. */
  readonly close: (focus: boolean) => void;
}

export function Tags({ tags, adding, begin, add, remove, close }: TagsProps): ReactNode {
  return (
    <div className="tags">
      {tags.map((tag) => (
        <span key={tag} className="tag">
          {tag}
          <button aria-label={`Remove tag ${tag}`} onClick={() => remove(tag)}><Icon name="close" /></button>
        </span>
      ))}
      {adding ? <NewTag add={add} close={close} /> : <button className="tag add" aria-label="Add a tag" onClick={begin}><Icon name="plus" />tag</button>}
    </div>
  );
}

function NewTag({ add, close }: Pick<TagsProps, "add" | "close">): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => input.current?.focus(), []);
  const end = (keep: boolean, focus: boolean): void => {
    if (done.current) return;
    done.current = true;
    const tag = input.current?.value.trim().toLowerCase().replaceAll(/\s+/g, "-").replace(/^#/, "") ?? "";
    if (keep && tag !== "") add(tag);
    close(focus);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    end(event.key === "Enter", true);
  };
  return <input ref={input} className="tag-input" maxLength={24} aria-label="New tag" placeholder="tag" autoCapitalize="none" onBlur={() => end(true, false)} onKeyDown={key} />;
}
