/** A person as a disc with initials. */

import type { CSSProperties, ReactNode } from "react";
import { displayName, hueOf, initialsOf } from "./person.js";

interface AvatarProps {
  readonly user: string;
  /** Whether the name stands beside it. */
  readonly named?: boolean;
}

export function Avatar({ user, named = false }: AvatarProps): ReactNode {
  const name = displayName(user);
  return (
    <span className="avatar" style={hue(user)} title={name} {...(named ? { "aria-hidden": true } : { role: "img", "aria-label": name })}>
      {initialsOf(user)}
    </span>
  );
}

/** The colour of a person, for styles that use `--hue`. */
export function hue(user: string): CSSProperties {
  return { "--hue": String(hueOf(user)) } as CSSProperties;
}
