import type { Language } from '@/domain/viewState';
import { localeOf } from '@/lib/format';

export interface Cell {
  field: string;
  /** null = the file had nothing there. */
  value: string | null;
}

/** The row as it came, in words: numbers unrounded, because the odd digit may be what was wrong with it. */
export function cellsOf(lang: Language, row: Readonly<Record<string, unknown>>): Cell[] {
  return Object.entries(row).map(([field, value]) => ({ field, value: textOf(lang, value) }));
}

function textOf(lang: Language, value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'number') return value.toLocaleString(localeOf(lang), { maximumFractionDigits: 12 });
  return typeof value === 'string' ? value : JSON.stringify(value);
}
