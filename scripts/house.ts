/**
 * `npm run house` prints figures of the tree: lines of every `service.ts`, functions longer than a screen and which of
 * them do not say why, reasons above functions that are no longer as long, and runs of lines that stand twice. It never
 * fails; compare its output before and after a change.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const screenLines = 70;
/** A run of this many equal lines counts as standing twice. */
const runLinesMin = 6;

const root = process.argv[2] ?? process.cwd();

const sourceFiles = (): string[] =>
  execFileSync('git', ['ls-files', '*.ts', '*.tsx'], { cwd: root })
    .toString()
    .split('\n')
    .filter((file) => file !== '' && file !== 'schemas/events.ts' && !/\.(test|contract|d)\.ts$/.test(file));

type LongFunction = {
  file: string;
  line: number;
  name: string;
  lines: number;
  /** The line of the comment that says what one idea its many lines are; undefined without one. */
  reasonAt: number | undefined;
};

const reason = '// Over seventy lines: ';

/** Where in the text the comments above the statement of a function give the reason; -1 where they do not. */
const placeOfReason = (node: ts.Node): number => {
  let statement = node;
  while (statement.parent && !ts.isSourceFile(statement.parent) && !ts.isBlock(statement.parent))
    statement = statement.parent;
  const place = statement.getSourceFile().text.indexOf(reason, statement.getFullStart());
  return place < statement.getStart() ? place : -1;
};

const nameOf = (node: ts.Node): string => {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.name)
    return node.name.getText();
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText();
  return nameOfCall(parent);
};

const nameOfCall = (node: ts.Node): string =>
  ts.isCallExpression(node) ? `(given to ${node.expression.getText().slice(0, 40)})` : '(unnamed)';

const longFunctionsIn = (file: string): LongFunction[] => {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(root, file), 'utf8'),
    ts.ScriptTarget.ES2022,
    true,
  );
  const found: LongFunction[] = [];
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = lineAt(node.getStart());
      const lines = lineAt(node.end) - first + 1;
      if (lines > screenLines) {
        const place = placeOfReason(node);
        const reasonAt = place < 0 ? undefined : lineAt(place);
        found.push({ file, line: first, name: nameOf(node), lines, reasonAt });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
};

/** The lines of a file that give a reason for a function that is not as long. */
const reasonsTooMany = (file: string, long: readonly LongFunction[]): number[] => {
  const needed = new Set(long.filter((each) => each.file === file).map(({ reasonAt }) => reasonAt));
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .flatMap((text, index) => (text.trimStart().startsWith(reason) ? [index + 1] : []))
    .filter((line) => !needed.has(line));
};

/** The lines without blanks, comments, imports and lone punctuation; white space folded. */
const tellingLines = (file: string): { text: string; line: number }[] => {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  const telling: { text: string; line: number }[] = [];
  let isImport = false;
  for (const [index, raw] of lines.entries()) {
    const text = raw.trim().replace(/\s+/g, ' ');
    if (text.startsWith('import ')) isImport = !text.endsWith(';');
    else if (isImport) isImport = !text.endsWith(';');
    else if (!/^(\/\/|\/\*|\*|$)/.test(text) && /\w/.test(text)) telling.push({ text, line: index + 1 });
  }
  return telling;
};

/** How many lines lie in runs of at least `runLinesMin` that stand in more than one place, by file. */
const linesTwice = (files: readonly string[]): Map<string, number> => {
  const places = new Map<string, { file: string; at: number }[]>();
  const telling = new Map(files.map((file) => [file, tellingLines(file)]));
  for (const [file, lines] of telling)
    for (let at = 0; at + runLinesMin <= lines.length; at += 1) {
      const run = lines
        .slice(at, at + runLinesMin)
        .map(({ text }) => text)
        .join('\n');
      const known = places.get(run);
      if (known === undefined) places.set(run, [{ file, at }]);
      else known.push({ file, at });
    }
  const twice = new Map<string, Set<number>>();
  for (const found of places.values())
    if (found.length > 1)
      for (const { file, at } of found) {
        const lines = twice.get(file) ?? new Set<number>();
        for (let step = 0; step < runLinesMin; step += 1) lines.add(at + step);
        twice.set(file, lines);
      }
  return new Map([...twice].map(([file, lines]) => [file, lines.size]));
};

const files = sourceFiles();
const services = files.filter((file) => /^services\/[^/]+\/service\.ts$/.test(file));
const linesOf = (file: string): number => readFileSync(join(root, file), 'utf8').split('\n').length - 1;
console.log('lines of every service.ts');
for (const file of services) console.log(`  ${String(linesOf(file)).padStart(4)}  ${file}`);
console.log(`  ${String(services.reduce((sum, file) => sum + linesOf(file), 0)).padStart(4)}  together`);

const long = files.flatMap(longFunctionsIn).sort((a, b) => b.lines - a.lines);
const unexplained = long.filter(({ reasonAt }) => reasonAt === undefined);
console.log(
  `\nfunctions over ${screenLines} lines: ${long.length}, of which ${unexplained.length} do not say why (!)`,
);
for (const { file, line, name, lines, reasonAt } of long)
  console.log(`${reasonAt === undefined ? '!' : ' '} ${String(lines).padStart(4)}  ${name}  ${file}:${line}`);
for (const file of files)
  for (const line of reasonsTooMany(file, long))
    console.log(`!       a reason above a function that is no longer as long  ${file}:${line}`);

const twice = [...linesTwice(files)].sort((a, b) => b[1] - a[1]);
console.log(
  `\nlines in runs of ${runLinesMin} or more that stand twice: ${twice.reduce((sum, [, lines]) => sum + lines, 0)}`,
);
for (const [file, lines] of twice.slice(0, 20)) console.log(`  ${String(lines).padStart(4)}  ${file}`);
