import { describe, expect, test } from 'vitest';
import type { IndicatorDefinition } from '@/api/types';
import { byName, canonicalSpec, formatSpec, fullSpec, labelOf, parseSpec, resolveArguments, specOf } from '@/domain/indicatorSpec';

const parameter = (name: string, value: number) => ({ name, type: 'integer' as const, default: value, min: 1, max: 100, help: '', choices: [] });

const MACD: IndicatorDefinition = {
  name: 'MACD',
  display_name: 'Moving Average Convergence/Divergence',
  group: 'Momentum Indicators',
  overlay: false,
  inputs: { price: 'close' },
  parameters: [
    parameter('fastperiod', 12),
    parameter('slowperiod', 26),
    { ...parameter('signalmatype', 0), type: 'ma_type', choices: [{ value: 0, label: 'SMA' }, { value: 1, label: 'EMA' }] },
  ],
  outputs: [],
  warm_up: 33,
};

const VWAP: IndicatorDefinition = {
  ...MACD,
  name: 'VWAP',
  parameters: [
    { ...parameter('anchor', 0), type: 'ma_type', choices: ['session', 'week', 'year', 'bar'].map((label, value) => ({ value, label })) },
    parameter('start', 0),
  ],
};

const label = (text: string, definition: IndicatorDefinition): string => {
  const spec = parseSpec(text);
  if (spec === null) throw new Error(`${text} was refused`);
  return labelOf(spec, definition);
};

const resolved = (text: string): number[] => {
  const spec = parseSpec(text);
  if (spec === null) throw new Error(`${text} was refused`);
  return resolveArguments(spec, MACD);
};

describe('an indicator spec', () => {
  test.each(['rsi(14)', 'bbands(20,2.5,2,0)', 'bbands(timeperiod=20,nbdevup=2)', 'obv', 'sma(10,price=high)'])(
    '%s is its own canonical form',
    (text) => {
      expect(canonicalSpec(text)).toBe(text);
    },
  );

  test.each([
    ['  RSI ( 14 ) ', 'rsi(14)'],
    ['obv()', 'obv'],
    ['sar(.02, 0.20)', 'sar(0.02,0.2)'],
    ['MA(30, MAType=EMA)', 'ma(30,matype=ema)'],
  ])('%s becomes %s', (text, canonical) => {
    expect(canonicalSpec(text)).toBe(canonical);
  });

  test.each(['', '14', 'rsi(', 'rsi)14(', 'rsi(14', 'rsi(1,,2)', 'macd(fastperiod=5,9)', 'rsi(14)x', 'rsi((14))', 'rsi(1e)'])(
    '%s is refused',
    (text) => {
      expect(parseSpec(text)).toBeNull();
    },
  );

  test('takes a value by position, by name, or the default', () => {
    expect(resolved('macd')).toEqual([12, 26, 0]);
    expect(resolved('macd(5)')).toEqual([5, 26, 0]);
    expect(resolved('macd(5,slowperiod=40)')).toEqual([5, 40, 0]);
  });

  test('takes a choice by its label', () => {
    expect(resolved('macd(signalmatype=ema)')).toEqual([12, 26, 1]);
  });

  test('made from values is read back to the same values', () => {
    expect(resolved(specOf(MACD, [3, 4, 1]))).toEqual([3, 4, 1]);
  });

  test('is the same in full however it was asked for', () => {
    const known = byName([MACD]);
    for (const text of ['macd', 'macd(12)', 'macd(12,26,0)', 'macd(slowperiod=26)', 'macd(signalmatype=sma)']) {
      expect(fullSpec(text, known)).toBe('macd(12,26,0)');
    }
    expect(fullSpec('macd(price=high)', known)).toBe('macd(12,26,0,price=high)');
    expect(fullSpec('unheard(3)', known)).toBe('unheard(3)');
  });

  test('is named in a legend by its name and values', () => {
    expect(labelOf({ name: 'MACD', args: [12, 26].map((value) => ({ name: null, value })) }, undefined)).toBe('MACD 12 26');
    expect(formatSpec({ name: 'OBV', args: [] })).toBe('obv');
  });

  test('is named by the word for a value that is one of a list', () => {
    expect(label('macd(12,26,1)', MACD)).toBe('MACD 12 26 EMA');
    expect(label('macd(12,signalmatype=0)', MACD)).toBe('MACD 12 SMA');
    expect(label('macd(12,26,ema)', MACD)).toBe('MACD 12 26 ema');
  });

  test.each([
    ['vwap', 'VWAP session'],
    ['vwap(0,0)', 'VWAP session'],
    ['vwap(year,0)', 'VWAP year'],
    ['vwap(anchor=1)', 'VWAP week'],
    ['vwap(3,1709303400)', 'VWAP from 2024-03-01 14:30 UTC'],
  ])('%s is named by its anchor', (text, name) => {
    expect(label(text, VWAP)).toBe(name);
  });
});
