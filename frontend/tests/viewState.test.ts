import { describe, expect, test } from 'vitest';
import { FIRST_VIEW, formatViewState, parseViewState, type ViewState } from '@/domain/viewState';

const FULL: ViewState = {
  symbol: 'BRK.B',
  interval: '30m',
  range: 'YTD',
  adjustment: 'all',
  extended: true,
  indicators: ['bbands(20,2.5,2,0)', 'rsi(14)', 'obv', 'sma(10,price=high)'],
  compare: '005930',
  log: true,
  theme: 'light',
  lang: 'ko',
};

describe('the state in the address', () => {
  test('comes back from its address as it was', () => {
    expect(parseViewState(formatViewState(FULL))).toEqual(FULL);
  });

  test('comes back when everything optional is absent', () => {
    const bare: ViewState = { ...FULL, range: null, extended: false, indicators: [], compare: null, log: false, theme: null, lang: null };
    expect(parseViewState(formatViewState(bare))).toEqual(bare);
  });

  test('is readable: brackets, commas and equals signs of a spec stay as they are', () => {
    expect(formatViewState(FULL)).toContain('&i=bbands(20,2.5,2,0)&i=rsi(14)&i=obv&i=sma(10,price=high)&');
  });

  test('escapes what would end a value', () => {
    const odd = { ...FULL, symbol: 'A&B=C#D' };
    expect(parseViewState(formatViewState(odd)).symbol).toBe('A&B=C#D');
  });

  test('opens the first view where no symbol is given, keeping theme and language', () => {
    expect(parseViewState('?theme=dark&lang=en')).toEqual({ ...FIRST_VIEW, theme: 'dark', lang: 'en' });
  });

  test('falls back where a value is unknown', () => {
    const state = parseViewState('?symbol=X&interval=2d&range=7Y&adjustment=none&theme=pink&lang=fr');
    expect(state).toMatchObject({ interval: '1d', range: null, adjustment: 'split', theme: null, lang: null });
  });

  test('has each indicator once, in its canonical form, and none that breaks the grammar', () => {
    const state = parseViewState('?symbol=X&i=RSI( 14 )&i=rsi(14)&i=rsi(&i=obv()&i=macd(fastperiod=5,9)');
    expect(state.indicators).toEqual(['rsi(14)', 'obv']);
  });

  test('compares no stock with itself', () => {
    expect(parseViewState('?symbol=X&compare=X').compare).toBeNull();
  });
});
