import type { IndicatorDefinition, IndicatorParameter } from '@/api/types';

/** One indicator as the address and the API write it: `rsi(14)`, `bbands(timeperiod=20,matype=ema)`, `obv`. */
export interface IndicatorSpec {
  /** Upper case, as in the catalogue. */
  name: string;
  args: readonly SpecArgument[];
}

export interface SpecArgument {
  /** null = positional. */
  name: string | null;
  /** A number, or a word: the kind of an average, the column an input is taken from. */
  value: number | string;
}

const SPEC = /^\s*([a-z][a-z0-9_]*)\s*(?:\(([^()]*)\))?\s*$/i;
const ARGUMENT = /^\s*(?:([a-z][a-z0-9_]*)\s*=)?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[a-z][a-z0-9_]*)\s*$/i;

/** The spec, or null where the text breaks the grammar (a positional argument after a named one does). */
export function parseSpec(text: string): IndicatorSpec | null {
  const match = SPEC.exec(text);
  const name = match?.[1];
  if (name === undefined) return null;
  const args = parseArguments(match?.[2] ?? '');
  return args && { name: name.toUpperCase(), args };
}

function parseArguments(text: string): SpecArgument[] | null {
  if (text.trim() === '') return [];
  const args: SpecArgument[] = [];
  for (const part of text.split(',')) {
    const match = ARGUMENT.exec(part);
    if (match?.[2] === undefined) return null;
    const name = match[1]?.toLowerCase() ?? null;
    if (name === null && args.at(-1)?.name) return null;
    args.push({ name, value: valueOf(match[2]) });
  }
  return args;
}

function valueOf(text: string): number | string {
  const value = Number(text);
  return Number.isNaN(value) ? text.toLowerCase() : value;
}

export function formatSpec({ name, args }: IndicatorSpec): string {
  const head = name.toLowerCase();
  if (args.length === 0) return head;
  return `${head}(${args.map((arg) => (arg.name ? `${arg.name}=${arg.value}` : String(arg.value))).join(',')})`;
}

/** The text in the one form used for comparing and for the address; null where the grammar is broken. */
export function canonicalSpec(text: string): string | null {
  const spec = parseSpec(text);
  return spec && formatSpec(spec);
}

/** Value of every parameter of the definition, in its order: given by position, by name, or the default. */
export function resolveArguments(spec: IndicatorSpec, definition: IndicatorDefinition): number[] {
  return definition.parameters.map((parameter, position) => {
    const named = spec.args.find((arg) => arg.name === parameter.name.toLowerCase());
    const positional = spec.args[position];
    const given = named?.value ?? (positional?.name === null ? positional.value : parameter.default);
    return typeof given === 'number' ? given : (choiceOf(parameter, given) ?? parameter.default);
  });
}

const choiceOf = (parameter: IndicatorParameter, label: string): number | undefined =>
  parameter.choices.find((choice) => choice.label.toLowerCase() === label)?.value;

/** Columns that inputs are taken from other than usually, as in `sma(10,price=high)`. */
export function inputsOf(spec: IndicatorSpec, definition: IndicatorDefinition): SpecArgument[] {
  const parameters = new Set(definition.parameters.map((parameter) => parameter.name.toLowerCase()));
  return spec.args.filter((arg) => arg.name !== null && !parameters.has(arg.name));
}

export function specOf(
  definition: IndicatorDefinition,
  values: readonly number[],
  inputs: readonly SpecArgument[] = [],
): string {
  const args = values.map((value) => ({ name: null, value }));
  return formatSpec({ name: definition.name, args: [...args, ...inputs] });
}

/** The text with every parameter written out, in which two ways of asking for the same are alike. */
export function fullSpec(text: string, definitions: ReadonlyMap<string, IndicatorDefinition>): string {
  const spec = parseSpec(text);
  const definition = spec === null ? undefined : definitions.get(spec.name);
  if (spec === null || definition === undefined) return text;
  return specOf(definition, resolveArguments(spec, definition), inputsOf(spec, definition));
}

export const byName = (items: readonly IndicatorDefinition[]): ReadonlyMap<string, IndicatorDefinition> =>
  new Map(items.map((item) => [item.name, item]));

/** Writes epoch seconds for a legend. */
export type WriteTime = (t: number) => string;

/** How a legend names it: `RSI 14`, `BBANDS 20 2 2 EMA`, `VWAP session`, `VWAP from 2024-03-01`. */
export function labelOf(spec: IndicatorSpec, definition: IndicatorDefinition | undefined, writeTime: WriteTime = utcMinute): string {
  if (spec.name === 'VWAP' && definition !== undefined) return `VWAP ${anchorOf(spec, definition, writeTime)}`;
  return [spec.name, ...spec.args.map((arg, position) => nameOfValue(arg, definition && parameterOf(arg, position, definition)))].join(' ');
}

/** When a VWAP begins anew; `start` says nothing unless it begins at a bar. */
function anchorOf(spec: IndicatorSpec, definition: IndicatorDefinition, writeTime: WriteTime): string {
  const [anchor = 0, start = 0] = resolveArguments(spec, definition);
  const name = nameOfValue({ name: null, value: anchor }, definition.parameters[0]);
  return name === 'bar' ? `from ${writeTime(start)}` : name;
}

const parameterOf = (arg: SpecArgument, position: number, { parameters }: IndicatorDefinition): IndicatorParameter | undefined =>
  arg.name === null ? parameters[position] : parameters.find((one) => one.name.toLowerCase() === arg.name);

/** The word for a value that is one of a list, as the kind of an average; else the value. */
const nameOfValue = ({ value }: SpecArgument, parameter: IndicatorParameter | undefined): string =>
  parameter?.choices.find((choice) => choice.value === value)?.label ?? String(value);

const utcMinute: WriteTime = (t) => `${new Date(t * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
