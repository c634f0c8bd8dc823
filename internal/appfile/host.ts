// What the server asks of an application's file, run in the sandbox beside it: the definition as data, and the
// mutators as functions. The build hands it the file's exports.

type Members = { [name: string]: unknown };

/** The definition as JSON, in the form of package definition, which refuses what it does not know. */
export function definitionOf(exported: Members): string {
  const app = exported["default"];
  if (!isMembers(app)) throw new Error("it has no default export that is an object: write `export default define({ … })`");
  return JSON.stringify({ ...app, ...(app["spaces"] !== undefined && { spaces: each(app["spaces"], "spaces", spaceOf) }) }, (_, value: unknown) => {
    if (typeof value === "function") throw new Error("a function where data is wanted: only a mutator's run is one");
    return value;
  });
}

/** The functions of the mutators, by kind of space and name. */
export function mutatorsOf(exported: Members): Members {
  const app = exported["default"];
  const spaces = isMembers(app) && isMembers(app["spaces"]) ? app["spaces"] : {};
  return each(spaces, "spaces", (space) => {
    const mutators = isMembers(space) && isMembers(space["mutators"]) ? space["mutators"] : {};
    // Not taken out of its object: it may say this.
    return each(mutators, "", (mutator) => (tx: unknown, args: unknown) => (mutator as { run(tx: unknown, args: unknown): unknown }).run(tx, args));
  });
}

function spaceOf(space: unknown, at: string): unknown {
  if (!isMembers(space)) throw new Error(`${at}: an object is wanted`);
  return {
    ...space,
    ...(space["collections"] !== undefined && { collections: each(space["collections"], `${at}.collections`, (collection, path) => withSchema(collection, "schema", path)) }),
    ...(space["mutators"] !== undefined && { mutators: each(space["mutators"], `${at}.mutators`, mutatorOf) }),
  };
}

function mutatorOf(mutator: unknown, at: string): unknown {
  if (!isMembers(mutator) || typeof mutator["run"] !== "function") throw new Error(`${at}: run is wanted, a function of tx and args`);
  const { run: _, ...rest } = mutator;
  return withSchema(rest, "args", at);
}

function withSchema(value: unknown, name: string, at: string): unknown {
  if (!isMembers(value)) throw new Error(`${at}: an object is wanted`);
  const { [name]: schema, ...rest } = value;
  return schema === undefined ? rest : { ...rest, [name]: jsonSchemaOf(schema, `${at}.${name}`) };
}

/** What a schema takes is what is stored. */
function jsonSchemaOf(schema: unknown, at: string): unknown {
  if ((typeof schema !== "object" && typeof schema !== "function") || schema === null) throw new Error(`${at}: neither a schema nor a JSON Schema`);
  const standard = (schema as { "~standard"?: { vendor: string; jsonSchema?: { input(options: { target: string }): unknown } } })["~standard"];
  if (standard === undefined) return schema;
  if (standard.jsonSchema === undefined) {
    throw new Error(`${at}: this schema of ${standard.vendor} does not give a JSON Schema: take a library that speaks Standard JSON Schema, such as Zod from 4.2, or json<T>({ … }) of @syncline/client/define`);
  }
  try {
    return plain(standard.jsonSchema.input({ target: "draft-2020-12" }));
  } catch (error) {
    throw new Error(`${at}: ${standard.vendor} has no JSON Schema for it: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Without patterns that stand beside a format and look around, which the server's regular expressions cannot: the format says the same. */
function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain);
  if (!isMembers(schema)) return schema;
  const { pattern, ...rest } = schema;
  const drop = typeof pattern === "string" && typeof schema["format"] === "string" && /\(\?<?[=!]/.test(pattern);
  return Object.fromEntries(Object.entries(drop ? rest : schema).map(([name, value]) => [name, plain(value)]));
}

function each(all: unknown, at: string, make: (value: unknown, at: string) => unknown): Members {
  if (!isMembers(all)) throw new Error(`${at}: an object is wanted`);
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, make(value, `${at}.${name}`)]));
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
