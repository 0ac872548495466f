import { createContext, use } from 'react';
import type { Language } from '@/domain/viewState';
import { en } from './en';
import { ko } from './ko';
import type { Messages } from './messages';

const MESSAGES: Record<Language, Messages> = { en, ko };
const LanguageContext = createContext<Language>('en');

export const LanguageProvider = LanguageContext.Provider;

export interface Translation {
  lang: Language;
  m: Messages;
}

export function useTranslation(): Translation {
  const lang = use(LanguageContext);
  return { lang, m: MESSAGES[lang] };
}

export { term } from './terms';
export type { Messages } from './messages';
