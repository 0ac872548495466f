import { describe, expect, test } from 'vitest';
import type { IndicatorDefinition, IndicatorParameter } from '@/api/types';
import { addressOf } from '@/api/client';
import { barsInRange, intervalFor, rangeFor } from '@/domain/intervals';
import { sectionsOf } from '@/features/indicators/catalogue';
import { boundsOf, check } from '@/features/indicators/parameters';
import { cellsOf } from '@/features/quality/cells';
import { moveIn } from '@/features/search/move';
import { en } from '@/i18n/en';
import { ko } from '@/i18n/ko';
import { term } from '@/i18n';

const PERIOD: IndicatorParameter = { name: 'timeperiod', type: 'integer', default: 14, min: 2, max: 5000, help: '', choices: [] };
const REAL: IndicatorParameter = { ...PERIOD, type: 'real', min: -3e37, max: 3e37 };

describe('a parameter', () => {
  test('takes what is in its range, both ends too', () => {
    expect(check(PERIOD, '2')).toEqual({ value: 2 });
    expect(check(PERIOD, ' 5000 ')).toEqual({ value: 5000 });
    expect(check(REAL, '-2.5')).toEqual({ value: -2.5 });
  });

  test('says what is wrong with anything else', () => {
    expect(check(PERIOD, '')).toEqual({ fault: { kind: 'empty' } });
    expect(check(PERIOD, 'abc')).toEqual({ fault: { kind: 'empty' } });
    expect(check(PERIOD, '2.5')).toEqual({ fault: { kind: 'integer' } });
    expect(check(PERIOD, '1')).toEqual({ fault: { kind: 'below', bound: 2 } });
    expect(check(PERIOD, '5001')).toEqual({ fault: { kind: 'above', bound: 5000 } });
  });

  test('has no bound where TA-Lib writes its largest number', () => {
    expect(boundsOf(REAL)).toEqual({ min: null, max: null });
  });
});

describe('the catalogue', () => {
  const item = (name: string, title: string, group: string): IndicatorDefinition => ({
    name,
    display_name: title,
    group,
    overlay: false,
    inputs: {},
    parameters: [],
    outputs: [],
    warm_up: 0,
  });
  const items = [
    item('ADX', 'Average Directional Index', 'Momentum'),
    item('RSI', 'Relative Strength Index', 'Momentum'),
    item('STOCHRSI', 'Stochastic RSI', 'Momentum'),
    item('SMA', 'Simple Moving Average', 'Overlap'),
  ];
  const names = (text: string, group: string | null = null) => sectionsOf(items, text, group).map((section) => section.items.map((one) => one.name));

  test('shows the popular ones first, then each group', () => {
    expect(sectionsOf(items, '', null).map((section) => section.group)).toEqual(['popular', 'Momentum', 'Overlap']);
    expect(names('', 'Overlap')).toEqual([['SMA']]);
  });

  test('finds the name itself before names that hold it, and words of the long name', () => {
    expect(names('rsi')).toEqual([['RSI', 'STOCHRSI']]);
    expect(names('moving')).toEqual([['SMA']]);
    expect(names('nothing of the kind')).toEqual([]);
  });
});

describe('interval and range', () => {
  test('an interval keeps a range that it can show', () => {
    expect(rangeFor('1d', '1Y')).toBe('1Y');
    expect(rangeFor('1m', '1Y')).toBeNull();
    expect(rangeFor('1mo', '1M')).toBeNull();
  });

  test('a range too long for its interval is shown in the finest readable one', () => {
    expect(intervalFor('5Y', '1m', ['1m', '1h', '1d', '1w'])).toBe('1d');
    expect(intervalFor('1Y', '1d', ['1d', '1w'])).toBe('1d');
    expect(barsInRange('1d', 'All')).toBe(Infinity);
  });
});

describe('small parts', () => {
  test('arrow keys go round a list', () => {
    expect(moveIn(3, 2, 'ArrowDown')).toBe(0);
    expect(moveIn(3, 0, 'ArrowUp')).toBe(2);
    expect(moveIn(0, 0, 'ArrowDown')).toBeNull();
    expect(moveIn(3, 0, 'a')).toBeNull();
  });

  test('an address fills its path, repeats a key for each of several values and leaves out what is not given', () => {
    const given = { path: { symbol: 'BF/B' }, query: { limit: 1, to: null, from: undefined, i: ['rsi(14)', 'obv'] } };
    expect(addressOf('/stocks/{symbol}/chart', given)).toBe('/stocks/BF%2FB/chart?limit=1&i=rsi%2814%29&i=obv');
    expect(addressOf('/stocks', {})).toBe('/stocks');
  });

  test('a quarantined row keeps every digit', () => {
    expect(cellsOf('en', { open: 1234.000001, close: null, session: '2010-01-12' })).toEqual([
      { field: 'open', value: '1,234.000001' },
      { field: 'close', value: null },
      { field: 'session', value: '2010-01-12' },
    ]);
  });

  test('a code without a word of its own is shown readable', () => {
    expect(term('ko', 'reason', 'ohlc_order')).not.toContain('_');
    expect(term('en', 'reason', 'some_new_reason')).toBe('Some new reason');
  });
});

/** Every text of a catalogue by its path; a function is called with stand-ins for its values; null is no text. */
function textsOf(node: object, path = ''): [string, string][] {
  return Object.entries(node).flatMap(([key, value]: [string, unknown]) => {
    const here = `${path}.${key}`;
    if (value === null) return [];
    if (typeof value === 'object') return textsOf(value, here);
    const text: unknown = typeof value === 'function' ? (value as (...args: unknown[]) => unknown)(2, 2, 2, 2, 2, 2) : value;
    return [[here, String(text)]];
  });
}

describe('the two languages', () => {
  test('have no empty text', () => {
    expect([...textsOf(en), ...textsOf(ko)].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  test('differ in every sentence', () => {
    const korean = new Map(textsOf(ko));
    const same = textsOf(en).filter(([path, text]) => /[a-z]{3,} [a-z]{3,}/i.test(text) && korean.get(path) === text);
    expect(same).toEqual([]);
  });
});
