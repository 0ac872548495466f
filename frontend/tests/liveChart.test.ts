import { describe, expect, test } from 'vitest';
import type { LiveBars } from '@/domain/live';
import { type ChartData } from '@/features/chart/data';
import { hasGap, lastQuote, withLive } from '@/features/chart/live';
import { epochSeconds, price } from '@/lib/brand';

function loaded(...t: number[]): ChartData {
  const prices = t.map((one) => price(one));
  return {
    t: t.map(epochSeconds),
    o: prices,
    h: prices,
    l: prices,
    c: prices,
    v: t,
    source: t.map(() => '1m'),
    phase: t.map(() => 'pre'),
    indicators: ['sma(2)', 'vwap()'].map((spec) => ({ spec, name: spec, note: null, outputs: { real: t.map((one) => one * 10) } })),
    actions: [],
    quarantined: 0,
    accepted: new Map(),
    acceptedComplete: true,
    hasEarlier: false,
    formingFrom: t.length,
  };
}

function live(t: number[], more: Partial<LiveBars> = {}): LiveBars {
  const values = t.map((one) => one + 0.5);
  const indicators = new Map([['sma(2)', { real: t.map((one) => one * 100) }]]);
  const columns = { t, o: values, h: values, l: values, c: values, v: values };
  return { symbol: 'X', interval: '1m', adjustment: 'split', feed: 'live', run: null, ...columns, forming: new Set(t.slice(-1)), indicators, ...more };
}

describe('live bars on the chart', () => {
  test('take the place of loaded ones and follow them, the last one as forming', () => {
    const data = withLive(loaded(1, 2, 3), live([3, 4]), false);
    expect(data.t).toEqual([1, 2, 3, 4]);
    expect(data.c).toEqual([1, 2, 3.5, 4.5]);
    expect(data.formingFrom).toBe(3);
    expect(data.phase).toEqual(['pre', 'pre', 'pre', 'regular']);
  });

  test('bring their indicators; one that is not carried live keeps what was loaded', () => {
    const [sma, vwap] = withLive(loaded(1, 2, 3), live([3, 4]), false).indicators;
    expect(sma?.outputs['real']).toEqual([10, 20, 300, 400]);
    expect(vwap?.outputs['real']).toEqual([10, 20, 30, null]);
  });

  test('bring no indicators beside such as count hours that they lack', () => {
    const [sma] = withLive(loaded(1, 2, 3), live([3, 4]), true).indicators;
    expect(sma?.outputs['real']).toEqual([10, 20, 30, null]);
  });

  test('of a replay end the time, whatever is stored after them', () => {
    const data = withLive(loaded(1, 2, 3, 4, 5), live([2, 3], { feed: 'replay' }), false);
    expect(data.t).toEqual([1, 2, 3]);
    expect(data.formingFrom).toBe(2);
  });

  test('change nothing where there are none', () => {
    const data = loaded(1, 2);
    expect(withLive(data, null, false)).toBe(data);
    expect(withLive(data, live([]), false)).toBe(data);
  });

  test('leave a gap when the oldest is newer than what is loaded', () => {
    expect(hasGap(loaded(1, 2), live([3, 4]))).toBe(true);
    expect(hasGap(loaded(1, 2), live([2, 3]))).toBe(false);
    expect(hasGap(loaded(1, 2), live([3, 4], { feed: 'replay' }))).toBe(false);
    expect(hasGap(loaded(1, 2), null)).toBe(false);
  });
});

describe('the change of the last price', () => {
  const at = (iso: string) => epochSeconds(Date.parse(iso) / 1000);
  const c = [100, 110, 120, 132].map(price);

  test('is that of the day on the exchange’s clock', () => {
    const t = [at('2024-03-05T20:00Z'), at('2024-03-06T01:00Z'), at('2024-03-06T15:00Z'), at('2024-03-06T15:01Z')];
    expect(lastQuote({ t, c }, '1m', 'America/New_York')).toEqual({ price: 132, change: 132 / 110 - 1 });
    expect(lastQuote({ t, c }, '1m', 'UTC')).toEqual({ price: 132, change: 132 / 100 - 1 });
  });

  test('of days is that against the day before', () => {
    const t = [1, 2, 3, 4].map((day) => epochSeconds(day * 86_400));
    expect(lastQuote({ t, c }, '1d', 'UTC')).toEqual({ price: 132, change: 132 / 120 - 1 });
  });

  test('is unknown where no earlier day is loaded', () => {
    const t = [at('2024-03-06T15:00Z'), at('2024-03-06T15:01Z')];
    expect(lastQuote({ t, c: c.slice(0, 2) }, '1m', 'UTC')).toEqual({ price: 110, change: null });
    expect(lastQuote({ t: [], c: [] }, '1m', 'UTC')).toBeNull();
  });
});
