import type { CorporateAction, IndicatorColumns, IndicatorDefinition, Interval } from '@/api/types';
import { labelOf, parseSpec, type WriteTime } from '@/domain/indicatorSpec';
import { isIntraday } from '@/domain/intervals';
import { barIndex, epochSeconds, type BarIndex, type ChartSeconds, type EpochSeconds, type Price } from '@/lib/brand';
import { PRICE_PANE } from './arrangement';
import { commonStart, percentFrom } from './compare';
import type { ChartData } from './data';
import { chartTimes } from './times';

/** Names of colours, which the view reads from the style sheet. */
export type ColorName = 'compare' | 'up' | 'down' | `series-${number}`;
export type Dash = 'solid' | 'dashed' | 'dotted';
type Column = readonly (number | null)[];

export interface SeriesModel {
  key: string;
  pane: number;
  kind: 'line' | 'histogram';
  values: Column;
  color: ColorName;
  dash: Dash;
  width: 1 | 2;
  /** Horizontal lines at levels that the indicator is read by. */
  guides: readonly number[];
  /** Decimals of its values. */
  digits: number;
}

export interface MarkModel {
  index: BarIndex;
  kind: 'rise' | 'fall' | 'split' | 'dividend' | 'accepted';
}

export interface LegendValue {
  color: ColorName | null;
  column: Column;
  /** How to write it: as a price, as a plain value, as the sign of a pattern. */
  unit: 'price' | 'value' | 'percent' | 'pattern';
  /** Decimals of a plain value. */
  digits: number;
}

export interface LegendRow {
  key: string;
  label: string;
  /** null = the compared stock. */
  spec: string | null;
  /** What to know of the values before trusting them. */
  note: IndicatorColumns['note'];
  values: readonly LegendValue[];
}

/** All that the view draws, calculated; columns are as long as `times`. */
export interface ChartModel {
  times: readonly ChartSeconds[];
  open: Column;
  high: Column;
  low: Column;
  close: Column;
  volume: Column;
  rising: readonly boolean[];
  /** The bars from this index on are not closed. */
  formingFrom: number;
  series: readonly SeriesModel[];
  marks: readonly MarkModel[];
  paneCount: number;
  /** Rows of each pane's legend, the price pane first. */
  legends: readonly (readonly LegendRow[])[];
  /** The price pane is in per cent of each one's price at this bar; null = in prices. */
  percentBase: number | null;
  /** The lowest value of the price axis that means something: a price of 0, unless a price or an indicator goes below. */
  floor: number;
}

const GUIDES: Record<string, readonly number[]> = {
  RSI: [30, 70],
  STOCHRSI: [20, 80],
  STOCH: [20, 80],
  STOCHF: [20, 80],
  MFI: [20, 80],
  CCI: [-100, 100],
  WILLR: [-80, -20],
  ULTOSC: [30, 70],
  CMO: [-50, 50],
  ADX: [25],
};
export const SERIES_COLORS = 8;

export interface ModelInput {
  data: ChartData;
  interval: Interval;
  timeZone: string;
  catalogue: ReadonlyMap<string, IndicatorDefinition>;
  compare: { symbol: string; closes: readonly (Price | null)[] } | null;
  /** First visible bar: where a comparison starts from 0 %. */
  visibleStart: number;
}

export function buildModel(input: ModelInput): ChartModel {
  const { data, interval, timeZone, catalogue, compare } = input;
  const drawn = drawIndicators(data.indicators, catalogue, data.c, writeTime(interval, timeZone));
  const base = compare && commonStart([data.c, compare.closes], input.visibleStart);
  const baseClose = base === null ? null : (data.c[base] ?? null);
  const scale = (column: Column): Column =>
    baseClose === null ? column : column.map((value) => percentFrom(baseClose, value));
  const compared = compare && base !== null ? compareSeries(compare.closes, base) : [];
  const onPrices = [data.l, ...drawn.series.filter((one) => one.pane === 0).map((one) => one.values)];
  const belowZero = onPrices.some((column) => column.some((value) => value !== null && value < 0));
  return {
    times: chartTimes(data.t, isIntraday(interval), timeZone),
    open: scale(data.o),
    high: scale(data.h),
    low: scale(data.l),
    close: scale(data.c),
    volume: data.v,
    formingFrom: data.formingFrom,
    rising: data.c.map((close, i) => (close ?? 0) >= (data.o[i] ?? close ?? 0)),
    series: [...compared, ...drawn.series.map((one) => (one.pane === 0 ? { ...one, values: scale(one.values) } : one))],
    marks: [...actionMarks(data.t, data.actions), ...acceptedMarks(data), ...drawn.marks.filter(({ index }) => index < data.formingFrom)].sort((a, b) => a.index - b.index),
    paneCount: drawn.legends.length,
    legends: drawn.legends.map((rows, pane) => (pane === 0 && compare ? [compareRow(compare, compared), ...rows] : rows)),
    percentBase: base,
    floor: belowZero ? -Infinity : base === null ? 0 : -100,
  };
}

/** Each pane by what is in it, so that it is known again wherever it is moved to. */
export const paneKeys = (model: ChartModel): string[] => model.legends.map((rows, pane) => (pane === 0 ? PRICE_PANE : (rows[0]?.key ?? String(pane))));

/** Labels of the price axis, none below the floor: that room is the volume's. */
export const axisLabels = (prices: readonly number[], floor: number, write: (price: number) => string): string[] =>
  prices.map((price) => (price < floor ? '' : write(price)));

function compareSeries(closes: Column, base: number): SeriesModel[] {
  const first = closes[base] ?? 1;
  const values = closes.map((value) => percentFrom(first, value));
  return [{ key: 'compare', pane: 0, kind: 'line', values, color: 'compare', dash: 'solid', width: 2, guides: [], digits: 2 }];
}

function compareRow(compare: { symbol: string; closes: Column }, drawn: readonly SeriesModel[]): LegendRow {
  const closes: LegendValue = { color: 'compare', column: compare.closes, unit: 'value', digits: 2 };
  const change = drawn.map((series): LegendValue => ({ color: 'compare', column: series.values, unit: 'percent', digits: 2 }));
  return { key: 'compare', label: compare.symbol, spec: null, note: null, values: [closes, ...change] };
}

interface Drawn {
  series: SeriesModel[];
  marks: MarkModel[];
  legends: LegendRow[][];
}

/** Prices and patterns share the price pane, the rest of every indicator has a pane of its own below. */
function drawIndicators(indicators: readonly IndicatorColumns[], catalogue: ModelInput['catalogue'], closes: Column, write: WriteTime): Drawn {
  const drawn: Drawn = { series: [], marks: [], legends: [[]] };
  let color = 0;
  for (const columns of indicators) {
    const definition = catalogue.get(columns.name);
    if (definition === undefined) continue;
    const row = rowOf(columns, definition, write);
    if (isPattern(definition)) addPattern(drawn, columns, row);
    else color = addLines(drawn, columns, definition, closes, color, row);
  }
  return drawn;
}

const isPattern = (definition: IndicatorDefinition): boolean =>
  definition.group === 'Pattern Recognition' || definition.outputs.every((output) => output.style.startsWith('pattern'));

function addPattern(drawn: Drawn, columns: IndicatorColumns, row: LegendHead): void {
  const column = Object.values(columns.outputs)[0] ?? [];
  column.forEach((value, i) => {
    if (value !== null && value !== 0) drawn.marks.push({ index: barIndex(i), kind: value > 0 ? 'rise' : 'fall' });
  });
  drawn.legends[0]?.push({ ...row, values: [{ color: null, column, unit: 'pattern', digits: 0 }] });
}

/** Outputs that are prices go over the bars; the others of the indicator share a pane of their own. */
function addLines(drawn: Drawn, columns: IndicatorColumns, definition: IndicatorDefinition, closes: Column, firstColor: number, row: LegendHead): number {
  const colors = colorsOf(definition, firstColor);
  const digits = digitsOf(Object.values(columns.outputs));
  const rows = new Map<number, LegendValue[]>();
  let ownPane: number | null = null;
  definition.outputs.forEach((output, position) => {
    const column = columns.outputs[output.name] ?? [];
    const onPrices = output.overlay && sizedLike(closes, column);
    const pane = onPrices ? 0 : (ownPane ??= drawn.legends.push([]) - 1);
    const color = colors.names[position] ?? 'series-1';
    const histogram = output.style === 'histogram';
    drawn.series.push({
      key: `${columns.spec}/${output.name}`,
      pane,
      kind: histogram ? 'histogram' : 'line',
      values: column,
      color,
      dash: output.style === 'dashed' ? 'dashed' : output.style === 'dotted' ? 'dotted' : 'solid',
      width: onPrices && definition.outputs.length > 1 ? 1 : 2,
      guides: position === 0 ? (GUIDES[definition.name] ?? []) : [],
      digits,
    });
    const value: LegendValue = { color: histogram ? null : color, column, unit: onPrices ? 'price' : 'value', digits };
    rows.set(pane, [...(rows.get(pane) ?? []), value]);
  });
  for (const [pane, values] of rows) drawn.legends[pane]?.push({ ...row, values });
  return colors.next;
}

/** How far the median of an average or a band may be from the price beside it; a volume is further. */
const FARTHEST = 20;

/** Whether values lie about where the prices do: an average of the volume is an average, but no price. */
export function sizedLike(closes: Column, values: Column): boolean {
  const ratios = values.flatMap((value, i) => {
    const close = closes[i] ?? null;
    return value === null || close === null || close === 0 ? [] : [value / close];
  });
  if (ratios.length === 0) return true;
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 1;
  return median > 1 / FARTHEST && median < FARTHEST;
}

/** Two decimals from 1 on, else at least four and enough for the largest value: all outputs are written alike. */
function digitsOf(columns: readonly Column[]): number {
  const largest = columns.flat().reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  if (largest >= 1 || largest === 0) return 2;
  return Math.max(4, 3 - Math.floor(Math.log10(largest)));
}

/** One colour for each output in turn; the two sides of a band share one. */
function colorsOf(definition: IndicatorDefinition, first: number): { names: ColorName[]; next: number } {
  let next = first;
  let band: ColorName | null = null;
  const take = (): ColorName => `series-${(next++ % SERIES_COLORS) + 1}`;
  const names = definition.outputs.map((output) => {
    if (!output.style.startsWith('band')) return output.style === 'histogram' ? 'up' : take();
    band ??= take();
    return band;
  });
  return { names, next };
}

type LegendHead = Omit<LegendRow, 'values'>;

function rowOf(columns: IndicatorColumns, definition: IndicatorDefinition, write: WriteTime): LegendHead {
  const spec = parseSpec(columns.spec);
  return { key: columns.spec, label: spec === null ? columns.spec : labelOf(spec, definition, write), spec: columns.spec, note: columns.note };
}

/** The time of a bar as the axis has it: its session's date, or date and minute on the exchange's clock. */
function writeTime(interval: Interval, timeZone: string): WriteTime {
  return (t) => {
    const [at = t] = chartTimes([epochSeconds(t)], isIntraday(interval), timeZone);
    return new Date(at * 1000).toISOString().slice(0, isIntraday(interval) ? 16 : 10).replace('T', ' ');
  };
}

/** Corporate actions at the first bar on or after their date, one mark a bar: a split, or what was given. */
function actionMarks(t: readonly EpochSeconds[], actions: readonly CorporateAction[]): MarkModel[] {
  const first = t[0] ?? Infinity;
  const marks = new Map<number, MarkModel>();
  for (const action of actions) {
    const date = Date.parse(`${action.ex_date}T00:00:00Z`) / 1000;
    const index = date < first ? -1 : t.findIndex((one) => one >= date);
    if (index >= 0 && marks.get(index)?.kind !== 'split') marks.set(index, { index: barIndex(index), kind: action.kind === 'split' ? 'split' : 'dividend' });
  }
  return [...marks.values()];
}

function acceptedMarks({ t, accepted }: ChartData): MarkModel[] {
  if (accepted.size === 0) return [];
  return t.flatMap((start, i): MarkModel[] => (accepted.has(start) ? [{ index: barIndex(i), kind: 'accepted' }] : []));
}

/** The actions that took effect with the bar at `index`. */
export function actionsAt(data: ChartData, index: number): CorporateAction[] {
  const from = data.t[index - 1] ?? -Infinity;
  const to = data.t[index] ?? -Infinity;
  return data.actions.filter((action) => {
    const date = Date.parse(`${action.ex_date}T00:00:00Z`) / 1000;
    return date > from && date <= to;
  });
}
