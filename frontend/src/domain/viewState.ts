import type { Adjustment, Interval } from '@/api/types';
import { canonicalSpec } from './indicatorSpec';
import { ADJUSTMENTS, INTERVALS, RANGES, type Range } from './intervals';

export const THEMES = ['dark', 'light'] as const;
export const LANGUAGES = ['en', 'ko'] as const;
export type Theme = (typeof THEMES)[number];
export type Language = (typeof LANGUAGES)[number];

/** Everything the chart page shows, as its address holds it. */
export interface ViewState {
  symbol: string;
  interval: Interval;
  /** null = the latest bars at a readable width. */
  range: Range | null;
  adjustment: Adjustment;
  /** Whether bars before and after the sessions are shown, where the interval is within a day. */
  extended: boolean;
  /** Canonical specs, no two alike. */
  indicators: readonly string[];
  compare: string | null;
  log: boolean;
  /** null = the stored choice, else the system's. */
  theme: Theme | null;
  lang: Language | null;
}

/** The API takes no more at once. */
export const MOST_INDICATORS = 20;

/** What an address without a symbol opens. */
export const FIRST_VIEW: ViewState = {
  symbol: 'AAPL',
  interval: '1d',
  range: '1Y',
  adjustment: 'split',
  extended: false,
  indicators: ['sma(50)', 'rsi(14)'],
  compare: null,
  log: false,
  theme: null,
  lang: null,
};

export function parseViewState(search: string): ViewState {
  const params = new URLSearchParams(search);
  const settings = { theme: oneOf(THEMES, params.get('theme')), lang: oneOf(LANGUAGES, params.get('lang')) };
  const symbol = symbolOf(params.get('symbol'));
  if (symbol === null) return { ...FIRST_VIEW, ...settings };
  const compare = symbolOf(params.get('compare'));
  return {
    symbol,
    interval: oneOf(INTERVALS, params.get('interval')) ?? '1d',
    range: oneOf(RANGES, params.get('range')),
    adjustment: oneOf(ADJUSTMENTS, params.get('adjustment')) ?? 'split',
    extended: params.get('hours') === 'extended',
    indicators: uniqueSpecs(params.getAll('i')),
    compare: compare === symbol ? null : compare,
    log: params.get('scale') === 'log',
    ...settings,
  };
}

export function formatViewState(state: ViewState): string {
  const pairs: [string, string | null][] = [
    ['symbol', state.symbol],
    ['interval', state.interval],
    ['range', state.range],
    ['adjustment', state.adjustment],
    ['hours', state.extended ? 'extended' : null],
    ...state.indicators.map((spec): [string, string] => ['i', spec]),
    ['compare', state.compare],
    ['scale', state.log ? 'log' : null],
    ['theme', state.theme],
    ['lang', state.lang],
  ];
  return `?${pairs.flatMap(([key, value]) => (value === null ? [] : [`${key}=${readable(value)}`])).join('&')}`;
}

/** Percent-encoded, but for the marks of a spec, which are safe in a query and easier to read. */
const readable = (value: string): string => encodeURIComponent(value).replaceAll('%2C', ',').replaceAll('%3D', '=');

function oneOf<T extends string>(values: readonly T[], text: string | null): T | null {
  return values.find((value) => value === text) ?? null;
}

function symbolOf(text: string | null): string | null {
  const symbol = text?.trim() ?? '';
  return symbol === '' ? null : symbol;
}

function uniqueSpecs(texts: readonly string[]): string[] {
  const specs = texts.map(canonicalSpec).filter((spec) => spec !== null);
  return [...new Set(specs)].slice(0, MOST_INDICATORS);
}
