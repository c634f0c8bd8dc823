/** One person's role: chosen by who may, else only said. */

import { type ReactNode, useId } from "react";
import { Avatar } from "./avatar.js";
import { displayName } from "./person.js";
import { GIVEN, type Given, type Role } from "./roles.js";

interface RolePickerProps {
  readonly user: string;
  readonly role: Role | undefined;
  /** What it is a role in. */
  readonly where: string;
  /** Gives another role; undefined for who may not. */
  readonly give?: ((role: Given) => void) | undefined;
}

const NAMES = { editor: "Editor", viewer: "Viewer", out: "Out" } as const;

export function RolePicker({ user, role, where, give }: RolePickerProps): ReactNode {
  const name = useId();
  const who = <span className="role-who"><Avatar user={user} named />{displayName(user)}</span>;
  if (give === undefined || role === "owner") return <div className="role" data-user={user}>{who}<span className="role-name">{role ?? "no role"}</span></div>;
  return (
    <fieldset className="role" data-user={user}>
      <legend className="unseen">{displayName(user)} in {where}</legend>
      {who}
      <span className="choice">
        {GIVEN.map((given) => (
          <label key={given ?? "out"}>
            <input type="radio" name={name} checked={(role ?? null) === given} onChange={() => give(given)} />
            <span>{NAMES[given ?? "out"]}</span>
          </label>
        ))}
      </span>
    </fieldset>
  );
}
