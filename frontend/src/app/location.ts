import { useSyncExternalStore } from 'react';

const MOVED = 'stock-analysis:moved';

/** Goes to an address of this app without loading the page again. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === currentAddress()) return;
  if (options.replace === true) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  dispatchEvent(new Event(MOVED));
}

function subscribe(onMove: () => void): () => void {
  addEventListener('popstate', onMove);
  addEventListener(MOVED, onMove);
  return () => {
    removeEventListener('popstate', onMove);
    removeEventListener(MOVED, onMove);
  };
}

const currentAddress = (): string => location.pathname + location.search;

export interface Address {
  path: string;
  search: string;
}

export function useAddress(): Address {
  const address = useSyncExternalStore(subscribe, currentAddress);
  const [path = '/', search = ''] = address.split(/(?=\?)/, 2);
  return { path, search };
}
