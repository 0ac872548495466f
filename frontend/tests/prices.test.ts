import { describe, expect, test } from 'vitest';
import { MISSING } from '@/lib/format';
import { changeOf, formatPrice, priceDigits, priceStyle } from '@/lib/prices';

const digits = (currency: string, prices: number[]) => priceStyle(currency, prices).quoted;
const write = (currency: string, prices: number[], price: number | null = prices.at(-1) ?? null) =>
  formatPrice('en', priceStyle(currency, prices), price);

describe('prices are written', () => {
  test('with the decimals of their currency, where they have no more', () => {
    expect(write('USD', [1234, 1234.5])).toBe('1,234.50');
    expect(write('KRW', [71_300, 71_400])).toBe('71,400');
    expect(write('JPY', [2500])).toBe('2,500');
    expect(write('points', [3])).toBe('3.00');
    expect(write('USD', [])).toBe(MISSING);
    expect(write('USD', [1], 0)).toBe('0.00');
  });

  test('with the decimals that they are quoted in, where those are more', () => {
    expect(write('USD', [1.0853, 1.0861, 1.0859])).toBe('1.0859');
    expect(write('USD', [1.0853, 1.0861, 1.09])).toBe('1.0900');
    expect(write('JPY', [151.234, 151.2, 150.987])).toBe('150.987');
    expect(write('KRW', [0.4, 0.5])).toBe('0.5');
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('without a loss down to 1e-%i', (power) => {
    const prices = [1, 2, 3.1, 4.2].map((factor) => Number(`${factor}e-${power}`));
    for (const price of prices) expect(Number(write('USD', prices, price))).toBe(price);
    expect(digits('USD', prices)).toBe(Math.max(2, power + 1));
  });

  test('as quoted although the source keeps single precision', () => {
    const prices = [173.929993, 175.490005, 174.550003, 0.98765].map(Math.fround);
    expect(digits('USD', prices.slice(0, 3))).toBe(2);
    expect(write('USD', prices.slice(0, 3))).toBe('174.55');
  });

  test('with four significant digits below 1 where they are no short decimals, as adjusted ones', () => {
    const adjusted = Array.from({ length: 60 }, (_, i) => (10 + i / 100) / 7 / 28);
    expect(digits('USD', adjusted)).toBe(2);
    expect(write('USD', adjusted, 0.0531234567)).toBe('0.05312');
    expect(write('USD', adjusted, 3.14159e-9)).toBe('0.000000003142');
  });

  test('by the newest ones, which no split has divided', () => {
    const divided = Array.from({ length: 900 }, (_, i) => (400 + i / 100) / 4);
    const quoted = Array.from({ length: 100 }, (_, i) => 170 + i / 100);
    expect(digits('USD', [...divided, ...quoted])).toBe(2);
    expect(digits('USD', divided)).toBe(4);
  });

  test('with no more digits than can be read, whatever the value', () => {
    for (const price of [5e-324, 1e-30, 1e308]) expect(priceDigits(priceStyle('USD', [price]), price)).toBeLessThanOrEqual(20);
  });
});

describe('a change', () => {
  test('is a part of the price before, and none where that is not above 0', () => {
    expect(changeOf(50, 60)).toBeCloseTo(0.2);
    expect(changeOf(18.27, -37.63)).toBeCloseTo(-3.0597, 4);
    expect([changeOf(-37.63, 10.01), changeOf(0, 1), changeOf(null, 1), changeOf(1, null)]).toEqual([null, null, null, null]);
  });
});
