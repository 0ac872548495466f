import type { Theme, ViewState } from '@/domain/viewState';

export type PageName = 'chart' | 'operations';

/** What the app gives every page: the state in the address, and the ways to change it. */
export interface PageProps {
  view: ViewState;
  /** The theme in force, whoever chose it. */
  theme: Theme;
  change: (patch: Partial<ViewState>, options?: { replace?: boolean }) => void;
  open: (page: PageName) => void;
}
