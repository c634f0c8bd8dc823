/** A person as a disc with initials. */

import type { CSSProperties, ReactNode } from "react";
import { displayName, hueOf, initialsOf } from "./person.js";

interface AvatarProps {
  readonly user: string;
  readonly me?: boolean;
  /** Whether the name stands beside it. */
  readonly named?: boolean;
}

export function Avatar({ user, me = false, named = false }: AvatarProps): ReactNode {
  const name = displayName(user);
  const label = me ? `${name} (you)` : name;
  return (
    <span className={me ? "avatar me" : "avatar"} style={hue(user)} title={label} {...(named ? { "aria-hidden": true } : { role: "img", "aria-label": label })}>
      {initialsOf(user)}
    </span>
  );
}

/** The colour of a person, for styles that use `--hue`. */
export function hue(user: string): CSSProperties {
  return { "--hue": String(hueOf(user)) } as CSSProperties;
}
