import { describe, expect, test } from 'vitest';
import { epochSeconds } from '@/lib/brand';
import {
  formatBarTime,
  formatBytes,
  formatChange,
  formatCompact,
  formatDuration,
  formatPrice,
  formatTick,
  formatTimeZone,
  formatValue,
  MISSING,
} from '@/lib/format';

const at = (iso: string) => epochSeconds(Date.parse(iso) / 1000);

describe('prices', () => {
  test('have the decimals of their currency', () => {
    expect(formatPrice('en', 'USD', 1234.5)).toBe('1,234.50');
    expect(formatPrice('ko', 'KRW', 71_400.4)).toBe('71,400');
    expect(formatPrice('en', 'JPY', 2500)).toBe('2,500');
  });

  test('below one have four decimals, but none in a currency without', () => {
    expect(formatPrice('en', 'USD', 0.0312)).toBe('0.0312');
    expect(formatPrice('en', 'USD', 0)).toBe('0.00');
    expect(formatPrice('ko', 'KRW', 0.4)).toBe('0');
  });

  test('that are missing are a dash, and an unknown currency has two decimals', () => {
    expect(formatPrice('en', 'USD', null)).toBe(MISSING);
    expect(formatPrice('en', 'points', 3)).toBe('3.00');
  });
});

describe('other numbers', () => {
  test('changes carry their sign, and none at zero', () => {
    expect(formatChange('en', 0.01234)).toBe('+1.23%');
    expect(formatChange('en', -0.5)).toBe('-50.00%');
    expect(formatChange('en', 0)).toBe('0.00%');
  });

  test('large ones are short in the units of the language', () => {
    expect(formatCompact('en', 24_921_100)).toBe('24.92M');
    expect(formatCompact('ko', 24_921_100)).toBe('2492만');
    expect(formatValue('en', -5_680_000_000, 2)).toBe('-5.68B');
    expect(formatValue('en', 0.0421, 4)).toBe('0.0421');
  });

  test('sizes and durations are in their largest units', () => {
    expect(formatBytes('en', 187_432_960)).toBe('187.4 MB');
    expect(formatBytes('en', 0)).toBe('0 byte');
    expect(formatDuration('en', 93_784)).toBe('1 day 2 hr');
    expect(formatDuration('ko', 3_600)).toBe('1시간');
    expect(formatDuration('en', 0)).toBe('0 sec');
  });
});

describe('times', () => {
  test('of daily bars are the session date, whatever the reader’s own time zone', () => {
    expect(formatBarTime('en', at('2023-05-05T00:00:00Z'), false, 'America/New_York')).toBe('Fri, May 5, 2023');
    expect(formatBarTime('ko', at('2023-05-05T00:00:00Z'), false, 'Asia/Seoul')).toBe('2023년 5월 5일 (금)');
  });

  test('of shorter bars are the minute at the exchange', () => {
    expect(formatBarTime('en', at('2023-05-05T13:30:00Z'), true, 'America/New_York')).toBe('Fri, May 5, 2023, 09:30');
    expect(formatBarTime('ko', at('2023-05-05T00:00:00Z'), true, 'Asia/Seoul')).toContain('09:00');
  });

  test('on the axis follow the language', () => {
    const may = Date.parse('2023-05-05T09:30:00Z') / 1000;
    expect(formatTick('en', may, 'month')).toBe('May');
    expect(formatTick('ko', may, 'month')).toBe('5월');
    expect(formatTick('en', may, 'minute')).toBe('09:30');
  });

  test('zones have a name', () => {
    expect(formatTimeZone('en', 'America/New_York')).toBe('Eastern Time');
  });
});
