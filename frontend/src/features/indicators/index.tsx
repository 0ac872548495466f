import { lazy, Suspense } from 'react';
import { Loading } from '@/ui/States';
import type { IndicatorDialogProps } from './IndicatorDialog';

const load = async () => ({ default: (await import('./IndicatorDialog')).IndicatorDialog });
const LazyDialog = lazy(load);

/** Fetches the dialog's code ahead of its first use. */
export const prepareIndicatorDialog = (): void => {
  load().catch(() => undefined);
};

export function IndicatorDialog(props: IndicatorDialogProps) {
  return (
    <Suspense fallback={<Loading />}>
      <LazyDialog {...props} />
    </Suspense>
  );
}

export { useCatalogue } from './api';
