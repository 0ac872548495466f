import { describe, expect, test } from 'vitest';
import type { ChartAnswer, IndicatorDefinition } from '@/api/types';
import { epochSeconds, price } from '@/lib/brand';
import { alignCloses, commonStart, percentFrom } from '@/features/chart/compare';
import { joinPages } from '@/features/chart/data';
import { actionsAt, axisLabels, buildModel, type ModelInput } from '@/features/chart/model';
import { pageSize, rangeSpan, rangeStart } from '@/features/chart/ranges';
import { chartTimes } from '@/features/chart/times';

const DAY = 86_400;
const at = (iso: string) => epochSeconds(Date.parse(iso) / 1000);

/** A page of daily bars on the given days, close = day + 1, with one indicator that is ten times the day. */
function page(days: readonly number[], hasEarlier: boolean): ChartAnswer {
  return {
    symbol: 'X',
    interval: '1d',
    adjustment: 'split',
    hours: 'regular',
    timezone: 'America/New_York',
    t: days.map((day) => day * DAY),
    o: days.map((day) => day),
    h: days.map((day) => day + 2),
    l: days.map((day) => day - 1),
    c: days.map((day) => day + 1),
    v: days.map(() => 100),
    has_earlier: hasEarlier,
    sources: [{ source: '1d', bars: days.length }],
    phases: [{ phase: 'regular', bars: days.length }],
    indicators: [{ spec: 'sma(2)', name: 'SMA', note: null, outputs: { real: days.map((day) => day * 10) } }],
    actions: [{ ex_date: '1970-01-06', kind: 'split', value: 2, unit: 'ratio', price: null }],
    quarantined: 3,
    accepted: [],
    accepted_complete: true,
  };
}

const definition = (name: string, more: Partial<IndicatorDefinition> = {}): IndicatorDefinition => ({
  name,
  display_name: name,
  group: 'Overlap Studies',
  overlay: true,
  inputs: {},
  parameters: [],
  outputs: [{ name: 'real', style: 'line', overlay: more.overlay ?? true }],
  warm_up: 0,
  ...more,
});

function input(more: Partial<ModelInput> = {}): ModelInput {
  const catalogue = new Map([['SMA', definition('SMA')]]);
  const data = joinPages([page([3, 4, 5, 6], false)]);
  return { data, interval: '1d', timeZone: 'America/New_York', catalogue, compare: null, visibleStart: 0, ...more };
}

describe('pages of bars', () => {
  test('join oldest first, bars and indicators alike', () => {
    const data = joinPages([page([7, 8], true), page([5, 6], true), page([3, 4], false)]);
    expect(data.t).toEqual([3, 4, 5, 6, 7, 8].map((day) => day * DAY));
    expect(data.indicators[0]?.outputs['real']).toEqual([30, 40, 50, 60, 70, 80]);
    expect(data.hasEarlier).toBe(false);
    expect(data.quarantined).toBe(3);
  });

  test('that overlap keep each bar once', () => {
    const data = joinPages([page([5, 6, 7], true), page([3, 4, 5, 6], false)]);
    expect(data.t).toEqual([3, 4, 5, 6, 7].map((day) => day * DAY));
    expect(data.c).toEqual([4, 5, 6, 7, 8]);
    expect(data.indicators[0]?.outputs['real']).toEqual([30, 40, 50, 60, 70]);
  });

  test('may be none, or empty', () => {
    expect(joinPages([]).t).toEqual([]);
    expect(joinPages([page([], false)]).t).toEqual([]);
  });
});

describe('times of the axis', () => {
  test('of session dates stay', () => {
    expect(chartTimes([at('2023-03-10T00:00:00Z')], false, 'Asia/Seoul')).toEqual([at('2023-03-10T00:00:00Z')]);
  });

  test('read as the wall clock of the exchange, in summer and in winter', () => {
    const t = [at('2023-03-10T14:30:00Z'), at('2023-03-13T13:30:00Z')];
    expect(chartTimes(t, true, 'America/New_York')).toEqual([at('2023-03-10T09:30:00Z'), at('2023-03-13T09:30:00Z')]);
  });

  test('increase even through the hour that comes twice', () => {
    const start = at('2023-11-05T04:30:00Z');
    const t = Array.from({ length: 16 }, (_, i) => epochSeconds(start + i * 900));
    const times = chartTimes(t, true, 'America/New_York');
    expect(times.every((time, i) => i === 0 || time > (times[i - 1] ?? 0))).toBe(true);
  });
});

describe('ranges', () => {
  test('count back from the last bar, not from today', () => {
    expect(rangeStart(at('2013-03-31T00:00:00Z'), '1M')).toBe(at('2013-02-28T00:00:00Z'));
    expect(rangeStart(at('2013-03-31T00:00:00Z'), '5Y')).toBe(at('2008-03-31T00:00:00Z'));
    expect(rangeStart(at('2013-03-31T00:00:00Z'), 'YTD')).toBe(at('2013-01-01T00:00:00Z'));
  });

  test('say where they begin among the loaded bars, and whether more belong to them', () => {
    const t = ['2013-01-02', '2013-02-01', '2013-03-01', '2013-03-28'].map((day) => at(`${day}T00:00:00Z`));
    expect(rangeSpan(t, '1M', true)).toEqual({ first: 2, incomplete: false });
    expect(rangeSpan(t, '1Y', true)).toEqual({ first: 0, incomplete: true });
    expect(rangeSpan(t, '1Y', false)).toEqual({ first: 0, incomplete: false });
    expect(rangeSpan([], 'All', true)).toEqual({ first: 0, incomplete: false });
  });

  test('ask for enough bars, and never for an unbounded number', () => {
    expect(pageSize('1d', '5Y')).toBeGreaterThanOrEqual(1260);
    expect(pageSize('1m', '5Y')).toBe(20_000);
    expect(pageSize('1d', 'All')).toBe(50_000);
  });
});

describe('comparison', () => {
  test('meets day by day, with a gap where the other has no bar', () => {
    const t = [1, 2, 3].map((day) => epochSeconds(day * DAY));
    expect(alignCloses(t, [t[0], t[2]].map((one) => one ?? epochSeconds(0)), [price(5), price(7)], '1d')).toEqual([5, null, 7]);
  });

  test('meets week by week and month by month though they open on different days', () => {
    const monday = [at('2023-05-01T00:00:00Z')];
    const tuesday = [at('2023-05-02T00:00:00Z')];
    expect(alignCloses(monday, tuesday, [price(9)], '1w')).toEqual([9]);
    expect(alignCloses(monday, tuesday, [price(9)], '1mo')).toEqual([9]);
    expect(alignCloses(monday, [at('2023-04-28T00:00:00Z')], [price(9)], '1w')).toEqual([null]);
    expect(alignCloses(monday, [at('2023-04-30T00:00:00Z')], [price(9)], '1w')).toEqual([null]);
    expect(alignCloses(monday, [at('2023-05-07T00:00:00Z')], [price(9)], '1w')).toEqual([9]);
  });

  test('starts where both have a price', () => {
    expect(commonStart([[1, 2, 3, 4], [null, null, 5, 6]], 0)).toBe(2);
    expect(commonStart([[1, 2, 3, 4], [null, null, 5, 6]], 3)).toBe(3);
    expect(commonStart([[1], [null]], 0)).toBeNull();
    expect(commonStart([[-37.63, 0, 10], [1, 1, 1]], 0)).toBe(2);
    expect(percentFrom(50, 60)).toBeCloseTo(20);
    expect(percentFrom(50, null)).toBeNull();
  });

  test('draws price, overlay and the other stock in per cent, the overlay of the price’s base', () => {
    const closes = [price(100), price(110), price(120), price(130)];
    const model = buildModel(input({ compare: { symbol: 'Y', closes }, visibleStart: 1 }));
    expect(model.percentBase).toBe(1);
    expect(model.close[1]).toBe(0);
    expect(model.close[3]).toBeCloseTo((7 / 5 - 1) * 100);
    const [other, sma] = model.series;
    expect(other?.values.map((value) => Math.round(value ?? 0))).toEqual([-9, 0, 9, 18]);
    expect(sma?.values[1]).toBeCloseTo((40 / 5 - 1) * 100);
    expect(model.legends[0]?.map((row) => row.label)).toEqual(['Y', 'SMA 2']);
  });
});

describe('the chart model', () => {
  test('leaves prices as they are without a comparison', () => {
    const model = buildModel(input());
    expect(model.close).toEqual([4, 5, 6, 7]);
    expect(model.percentBase).toBeNull();
    expect(model.rising).toEqual([true, true, true, true]);
  });

  test('has no labels below a price of zero, unless an indicator on it goes there', () => {
    const average = (values: number[]) => joinPages([{ ...page([3, 4, 5, 6], false), indicators: [{ spec: 'sma(2)', name: 'SMA', note: null, outputs: { real: values } }] }]);
    const ownPane = new Map([['SMA', definition('SMA', { overlay: false })]]);
    const compare = { symbol: 'Y', closes: [price(100), price(110), price(120), price(90)] };
    expect(buildModel(input()).floor).toBe(0);
    expect(buildModel(input({ compare })).floor).toBe(-100);
    expect(buildModel(input({ data: average([30, 40, -1, 60]) })).floor).toBe(-Infinity);
    expect(buildModel(input({ data: average([30, 40, -1, 60]), catalogue: ownPane })).floor).toBe(0);
    const settlement = { ...input().data, l: [2, 3, -40.3, 5].map(price) };
    expect(buildModel(input({ data: settlement })).floor).toBe(-Infinity);
    expect(axisLabels([-20, 0, 20], 0, String)).toEqual(['', '0', '20']);
    expect(axisLabels([-20, 0, 20], -Infinity, String)).toEqual(['-20', '0', '20']);
  });

  test('puts overlays on the price and every other indicator in a pane of its own', () => {
    const catalogue = new Map([
      ['SMA', definition('SMA')],
      ['MACD', definition('MACD', {
        overlay: false,
        outputs: [
          { name: 'macd', style: 'line', overlay: false },
          { name: 'signal', style: 'dashed', overlay: false },
          { name: 'hist', style: 'histogram', overlay: false },
        ],
      })],
      ['RSI', definition('RSI', { overlay: false })],
    ]);
    const data = {
      ...input().data,
      indicators: [
        { spec: 'macd', name: 'MACD', note: null, outputs: { macd: [1, 2, 3, 4], signal: [0, 1, 2, 3], hist: [1, 1, 1, 1] } },
        { spec: 'sma(2)', name: 'SMA', note: null, outputs: { real: [1, 2, 3, 4] } },
        { spec: 'rsi(14)', name: 'RSI', note: null, outputs: { real: [null, null, 30, 70] } },
      ],
    };
    const model = buildModel(input({ data, catalogue }));
    expect(model.paneCount).toBe(3);
    expect(model.series.map((one) => [one.pane, one.kind, one.dash])).toEqual([
      [1, 'line', 'solid'],
      [1, 'line', 'dashed'],
      [1, 'histogram', 'solid'],
      [0, 'line', 'solid'],
      [2, 'line', 'solid'],
    ]);
    expect(model.series.at(-1)?.guides).toEqual([30, 70]);
    expect(new Set(model.series.filter((one) => one.kind === 'line').map((one) => one.color)).size).toBe(4);
  });

  test('keeps an output of another scale off the prices, with its row and its values in a pane below', () => {
    const outputs = [
      { name: 'supertrend', style: 'line' as const, overlay: true },
      { name: 'trend', style: 'line' as const, overlay: false },
    ];
    const indicators = [{ spec: 'supertrend(10,3)', name: 'SUPERTREND', note: null, outputs: { supertrend: [3, 4, 5, 6], trend: [1, 1, -1, 1] } }];
    const catalogue = new Map([['SUPERTREND', definition('SUPERTREND', { outputs })]]);
    const model = buildModel(input({ data: { ...input().data, indicators }, catalogue }));
    expect(model.series.map((one) => [one.key, one.pane])).toEqual([['supertrend(10,3)/supertrend', 0], ['supertrend(10,3)/trend', 1]]);
    expect(model.legends.map((rows) => rows.map((row) => row.values.map((value) => value.unit)))).toEqual([[['price']], [['value']]]);
    expect(model.floor).toBe(0);
  });

  test('keeps an average of the volume off the prices, for its range says what it is', () => {
    const average = (values: (number | null)[]) => [{ spec: 'sma(2,price=volume)', name: 'SMA', note: null, outputs: { real: values } }];
    const paneOf = (values: (number | null)[]) =>
      buildModel(input({ data: { ...input().data, indicators: average(values) } })).series[0]?.pane;
    expect(paneOf([null, 1e6, 2e6, 3e6])).toBe(1);
    expect(paneOf([null, 0.01, 0.02, 0.02])).toBe(1);
    expect(paneOf([null, -6, -6, -7])).toBe(1);
    expect(paneOf([null, 1, 12, 9])).toBe(0);
    expect(paneOf([null, null, null, null])).toBe(0);
  });

  test('names a VWAP by its anchor, the bar it begins at by its time on the axis', () => {
    const parameter = { name: 'anchor', type: 'ma_type' as const, default: 0, min: 0, max: 4, help: '', choices: [{ value: 0, label: 'session' }, { value: 4, label: 'bar' }] };
    const start = { ...parameter, name: 'start', type: 'integer' as const, choices: [] };
    const catalogue = new Map([['VWAP', definition('VWAP', { parameters: [parameter, start] })]]);
    const t = at('2023-03-10T14:30:00Z');
    const label = (spec: string, interval: '1d' | '5m') => {
      const indicators = [{ spec, name: 'VWAP', note: null, outputs: { real: [3, 4, 5, 6] } }];
      return buildModel(input({ data: { ...input().data, indicators }, catalogue, interval })).legends[0]?.map((row) => row.label);
    };
    expect(label('vwap(0,0)', '1d')).toEqual(['VWAP session']);
    expect(label(`vwap(4,${String(t)})`, '5m')).toEqual(['VWAP from 2023-03-10 09:30']);
    expect(label(`vwap(4,${String(at('2023-03-10T00:00:00Z'))})`, '1d')).toEqual(['VWAP from 2023-03-10']);
  });

  test('gives both sides of a band one colour', () => {
    const outputs = (['band_upper', 'line', 'band_lower'] as const).map((style, i) => ({ name: String(i), style, overlay: true }));
    const data = { ...input().data, indicators: [{ spec: 'b', name: 'B', note: null, outputs: { 0: [3], 1: [2], 2: [1] } }] };
    const model = buildModel(input({ data, catalogue: new Map([['B', definition('B', { outputs })]]) }));
    const colors = model.series.map((one) => one.color);
    expect(colors[0]).toBe(colors[2]);
    expect(colors[0]).not.toBe(colors[1]);
  });

  test('marks the bars of a candle pattern by its sign', () => {
    const data = { ...input().data, actions: [], indicators: [{ spec: 'cdl', name: 'CDL', note: null, outputs: { integer: [0, 100, null, -100] } }] };
    const pattern = definition('CDL', { group: 'Pattern Recognition', outputs: [{ name: 'integer', style: 'pattern', overlay: false }] });
    const model = buildModel(input({ data, catalogue: new Map([['CDL', pattern]]) }));
    expect(model.marks).toEqual([{ index: 1, kind: 'rise' }, { index: 3, kind: 'fall' }]);
    expect(model.series).toEqual([]);
  });

  test('marks a split at the first bar on or after its date, and not when it came before all bars', () => {
    const model = buildModel(input());
    expect(model.marks).toEqual([{ index: 2, kind: 'split' }]);
    const early = { ...input().data, actions: [{ ex_date: '1970-01-01', kind: 'split' as const, value: 2, unit: 'ratio' as const, price: null }] };
    expect(buildModel(input({ data: early })).marks).toEqual([]);
  });

  test('marks the bars that somebody accepted, on every page, and no other', () => {
    const accepted = (t: number) => [{ t: t * DAY, reasons: ['not_positive'], by: ['ann'] }];
    const none = { actions: [] };
    const pages = [
      { ...page([5, 6], true), ...none, accepted: accepted(6) },
      { ...page([3, 4], false), ...none, accepted: accepted(3), accepted_complete: false },
    ];
    const data = joinPages(pages);
    expect(buildModel(input({ data })).marks).toEqual([{ index: 0, kind: 'accepted' }, { index: 3, kind: 'accepted' }]);
    expect(data.accepted.get(6 * DAY)?.by).toEqual(['ann']);
    expect(data.acceptedComplete).toBe(false);
    const other = joinPages([{ ...page([3, 4], false), ...none, accepted: accepted(9) }]);
    expect(buildModel(input({ data: other })).marks).toEqual([]);
    expect(other.acceptedComplete).toBe(true);
  });

  test('tells the actions of a bar', () => {
    const { data } = input();
    expect(actionsAt(data, 2)).toHaveLength(1);
    expect(actionsAt(data, 1)).toHaveLength(0);
  });

  test('waits with an indicator that the catalogue does not know', () => {
    expect(buildModel(input({ catalogue: new Map() })).series).toEqual([]);
  });
});
