import { describe, expect, test } from 'vitest';
import { AS_THEY_COME, leastHeight, maximisedOf, movedBy, PRICE_PANE, sharesOf, sizesOf, STRIP } from '@/features/chart/arrangement';

const KEYS = [PRICE_PANE, 'rsi', 'macd', 'atr'];
const NONE = new Map<string, number>();
const heights = (sizes: readonly { height: number }[]) => sizes.map(({ height }) => Math.round(height));
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

describe('panes', () => {
  test('share the room, the price having three times as much, or half of all others together', () => {
    expect(heights(sizesOf(KEYS, 600, AS_THEY_COME, NONE))).toEqual([300, 100, 100, 100]);
    const nine = [PRICE_PANE, ...Array.from({ length: 8 }, (_, i) => String(i))];
    expect(heights(sizesOf(nine, 600, AS_THEY_COME, NONE))).toEqual([200, 50, 50, 50, 50, 50, 50, 50, 50]);
  });

  test('that are collapsed leave their room to the others', () => {
    const sizes = sizesOf(KEYS, 600, { collapsed: new Set(['rsi', 'gone']), maximised: null }, NONE);
    expect(sizes.map(({ open }) => open)).toEqual([true, false, true, true]);
    expect(sizes[1]?.height).toBe(STRIP);
    expect(sum(sizes.map(({ height }) => height))).toBeCloseTo(600);
  });

  test('give way to the maximised one, and the price keeps its name and values', () => {
    const sizes = sizesOf(KEYS, 600, { collapsed: new Set(['rsi']), maximised: 'rsi' }, NONE);
    expect(sizes.map(({ open }) => open)).toEqual([false, true, false, false]);
    expect(heights(sizes)).toEqual([60, 536, 2, 2]);
    expect(heights(sizesOf(KEYS, 600, { collapsed: new Set(), maximised: PRICE_PANE }, NONE))).toEqual([594, 2, 2, 2]);
  });

  test('are as before when the maximised one is removed', () => {
    const arrangement = { collapsed: new Set<string>(), maximised: 'removed' };
    expect(maximisedOf(KEYS, arrangement)).toBeNull();
    expect(heights(sizesOf(KEYS, 600, arrangement, NONE))).toEqual([300, 100, 100, 100]);
  });

  test('keep the heights that the reader gave them, also while others come and go', () => {
    const sizes = sizesOf(KEYS, 600, AS_THEY_COME, NONE);
    const shares = sharesOf(KEYS, [200, 200, 100, 100], sizes, NONE);
    expect(heights(sizesOf(KEYS, 600, AS_THEY_COME, shares))).toEqual([200, 200, 100, 100]);
    expect(heights(sizesOf([PRICE_PANE, 'macd', 'rsi', 'atr'], 1200, AS_THEY_COME, shares))).toEqual([400, 200, 400, 200]);
    expect(heights(sizesOf([...KEYS, 'new'], 700, AS_THEY_COME, shares))).toEqual([200, 200, 100, 100, 100]);
  });

  test('need less room than a laptop has for eight of them', () => {
    expect(leastHeight(1)).toBeLessThan(200);
    expect(leastHeight(9)).toBeLessThan(500);
  });

  test('change places with a neighbour, over indicators that have no pane', () => {
    const all = ['rsi', 'sma', 'macd', 'atr'];
    const panes = [PRICE_PANE, 'rsi', 'macd', 'atr'].slice(1);
    expect(movedBy(1, 'rsi', panes, all)).toEqual(['macd', 'sma', 'rsi', 'atr']);
    expect(movedBy(-1, 'atr', panes, all)).toEqual(['rsi', 'sma', 'atr', 'macd']);
    expect(movedBy(-1, 'rsi', panes, all)).toBeNull();
    expect(movedBy(1, 'atr', panes, all)).toBeNull();
    expect(movedBy(1, 'sma', panes, all)).toBeNull();
  });
});
