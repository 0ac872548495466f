import { useEffect, useLayoutEffect, useSyncExternalStore } from 'react';
import { LANGUAGES, THEMES, type Language, type Theme } from '@/domain/viewState';
import { readStored, writeStored } from '@/lib/storage';

const LIGHT = '(prefers-color-scheme: light)';

function onSystemTheme(notify: () => void): () => void {
  const query = matchMedia(LIGHT);
  query.addEventListener('change', notify);
  return () => {
    query.removeEventListener('change', notify);
  };
}

/** The address decides, then what was chosen last, then the system. */
export function useTheme(asked: Theme | null): Theme {
  const system = useSyncExternalStore(onSystemTheme, () => (matchMedia(LIGHT).matches ? 'light' : 'dark'));
  const theme = asked ?? THEMES.find((known) => known === readStored('theme')) ?? system;
  useLayoutEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  useRemembered('theme', asked);
  return theme;
}

export function useLanguage(asked: Language | null): Language {
  const spoken = navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en';
  const lang = asked ?? LANGUAGES.find((known) => known === readStored('lang')) ?? spoken;
  useLayoutEffect(() => {
    document.documentElement.lang = lang;
  }, [lang]);
  useRemembered('lang', asked);
  return lang;
}

function useRemembered(key: string, value: string | null): void {
  useEffect(() => {
    if (value !== null) writeStored(key, value);
  }, [key, value]);
}
