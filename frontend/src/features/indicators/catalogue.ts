import type { IndicatorDefinition } from '@/api/types';

export const POPULAR = ['SMA', 'EMA', 'BBANDS', 'RSI', 'MACD', 'STOCH', 'ATR', 'ADX', 'OBV', 'MFI', 'CCI', 'SAR'] as const;

export interface Section {
  /** A group of the catalogue, or `popular`. */
  group: string;
  items: IndicatorDefinition[];
}

export function groupsOf(items: readonly IndicatorDefinition[]): string[] {
  return [...new Set(items.map((item) => item.group))].sort();
}

/** What the dialog lists: with no search and no group, the popular ones come first. */
export function sectionsOf(items: readonly IndicatorDefinition[], text: string, group: string | null): Section[] {
  const query = text.trim().toLowerCase();
  const found = items
    .filter((item) => group === null || item.group === group)
    .map((item) => ({ item, rank: rankOf(item, query) }))
    .filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
  if (query !== '') return found.length === 0 ? [] : [{ group: group ?? '', items: found }];
  const sections = groupsOf(found).map((name) => ({ group: name, items: found.filter((item) => item.group === name) }));
  return group === null ? [popularOf(items), ...sections].filter((section) => section.items.length > 0) : sections;
}

function popularOf(items: readonly IndicatorDefinition[]): Section {
  const byName = new Map(items.map((item) => [item.name, item]));
  return { group: 'popular', items: POPULAR.map((name) => byName.get(name)).filter((item) => item !== undefined) };
}

/** 0 for the name itself, then its prefix, a word of the long name, anything within; Infinity for no match. */
function rankOf(item: IndicatorDefinition, query: string): number {
  const name = item.name.toLowerCase();
  const title = item.display_name.toLowerCase();
  if (query === '' || name === query) return 0;
  if (name.startsWith(query)) return 1;
  if (title.startsWith(query) || title.includes(` ${query}`)) return 2;
  return name.includes(query) || title.includes(query) ? 3 : Infinity;
}
