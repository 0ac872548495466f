import ts from 'typescript';
import { expect, test } from 'vitest';

const SOURCES = import.meta.glob<string>('../src/**/*.{ts,tsx}', { query: '?raw', import: 'default', eager: true });

/** Files that each file imports, types included: a circle of types is one more thing that changes together. */
const GRAPH = new Map(
  Object.entries(SOURCES).map(([file, text]) => [
    file,
    ts.preProcessFile(text).importedFiles.flatMap(({ fileName }) => resolve(file, fileName) ?? []),
  ]),
);

function resolve(from: string, name: string): string | undefined {
  if (!/^(@\/|\.)/.test(name)) return undefined;
  const base = name.startsWith('@/') ? `../src/${name.slice(2)}` : join(from, name);
  return ['', '.ts', '.tsx', '.d.ts', '/index.ts', '/index.tsx'].map((end) => base + end).find((path) => path in SOURCES);
}

function join(from: string, name: string): string {
  return `..${new URL(name, `file:///${from.slice(3)}`).pathname}`;
}

/** Each circle as its files in order, found by walking depth first. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const next of GRAPH.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of GRAPH.keys()) walk(file, []);
  return found;
}

test('no file imports itself by way of others', () => {
  expect(GRAPH.get('../src/app/App.tsx')).toContain('../src/pages/ChartPage.tsx');
  expect(GRAPH.get('../src/i18n/ko.ts')).toEqual(['../src/i18n/messages.ts']);
  expect(circles()).toEqual([]);
});
