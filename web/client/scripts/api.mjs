// Writes the public types to api/, a file for each entry point, so that a change of what users see is seen in review.
// A declaration is in the file of the first entry point that leads to it. `--check` writes nothing and fails where api/ differs;
// `--dir` names another directory.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import ts from "typescript";
import { entries } from "./entries.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({ options: { check: { type: "boolean" }, dir: { type: "string", default: join(root, "api") } } });

/** The declarations of all files, by path, as the build writes them. */
function declarations() {
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.build.json"), {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail });
  const options = { ...config.options, emitDeclarationOnly: true, declarationMap: false, sourceMap: false };
  const files = new Map();
  const program = ts.createProgram(config.fileNames, options);
  const { emitSkipped } = program.emit(undefined, (path, text) => files.set(path, text), undefined, true);
  const wrong = ts.getPreEmitDiagnostics(program);
  if (emitSkipped || wrong.length > 0) fail(wrong[0]);
  return { files, options };
}

function fail(diagnostic) {
  throw new Error(`the client does not compile: ${ts.flattenDiagnosticMessageText(diagnostic?.messageText ?? "no output", "\n")}`);
}

/** The texts of api/, by file name. */
function render() {
  const { files, options } = declarations();
  const host = ts.createCompilerHost(options);
  const disk = { fileExists: host.fileExists, readFile: host.readFile };
  host.fileExists = (path) => files.has(path) || disk.fileExists(path);
  host.readFile = (path) => files.get(path) ?? disk.readFile(path);
  host.directoryExists = () => true; // dist/ need not be there
  const dist = options.outDir;
  const program = ts.createProgram(entries.map((name) => join(dist, `${name}.d.ts`)), { ...options, noEmit: true, emitDeclarationOnly: false, rootDir: dist }, host);
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  const seen = new Set();

  const original = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  /** The statements at the top of the package's files that declare a symbol. */
  const statements = (symbol) =>
    (symbol.declarations ?? [])
      .map((node) => (ts.isVariableDeclaration(node) ? node.parent.parent : node))
      .filter((node) => ts.isSourceFile(node.parent) && files.has(node.parent.fileName));
  /** Adds what a symbol leads to. */
  const reach = (symbol, into) => {
    if (seen.has(symbol)) return;
    seen.add(symbol);
    for (const node of statements(symbol)) {
      const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/^export (default )?/, "").replace(/^declare /, "");
      if (!into.includes(text)) into.push(text);
      const walk = (child) => {
        if (ts.isIdentifier(child)) {
          const found = checker.getSymbolAtLocation(child);
          if (found !== undefined) reach(original(found), into);
        }
        ts.forEachChild(child, walk);
      };
      walk(node);
    }
  };

  return new Map(entries.map((name) => {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(dist, `${name}.d.ts`))));
    const texts = [];
    for (const symbol of [...exported].sort((a, b) => (a.name < b.name ? -1 : 1))) reach(original(symbol), texts);
    const names = exported.map(({ name: symbol }) => symbol).sort();
    const title = `// The public types of @syncline/client${name === "index" ? "" : `/${name}`}. Written by \`npm --prefix web/client run api\`.\n`;
    return [`${name}.d.ts`, `${title}\nexport { ${names.join(", ")} };\n\n${texts.map((text) => `declare ${text}\n`.replace(/^declare (interface|type) /, "$1 ")).join("\n")}`];
  }));
}

const texts = render();
if (flags.check) {
  const there = await readdir(flags.dir).catch(() => []);
  const names = new Set([...texts.keys(), ...there]);
  const differing = [];
  for (const name of names) if (texts.get(name) !== (await readFile(join(flags.dir, name), "utf8").catch(() => undefined))) differing.push(name);
  if (differing.length > 0) {
    console.error(`the public types are not those in web/client/api (${differing.sort().join(", ")}): run \`npm --prefix web/client run api\`, read the difference as a user of the package would, and commit it`);
    process.exitCode = 1;
  }
} else {
  await rm(flags.dir, { recursive: true, force: true });
  await mkdir(flags.dir, { recursive: true });
  for (const [name, text] of texts) await writeFile(join(flags.dir, name), text);
}
