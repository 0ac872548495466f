import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useCallback, useEffect, useMemo } from 'react';
import { ApiError } from '@/api/client';
import { formatViewState, parseViewState, type ViewState } from '@/domain/viewState';
import { LanguageProvider } from '@/i18n';
import { ChartPage } from '@/pages/ChartPage';
import { NotFoundPage } from '@/pages/NotFoundPage';
import type { PageProps } from '@/pages/page';
import { ErrorBoundary } from '@/ui/ErrorBoundary';
import { Loading } from '@/ui/States';
import { SlowNotice } from './SlowNotice';
import { navigate, useAddress } from './location';
import { useLanguage, useTheme } from './preferences';

const OperationsPage = lazy(async () => ({ default: (await import('@/pages/OperationsPage')).OperationsPage }));

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // A browser that thinks it is offline may still reach a server on this machine.
      networkMode: 'always',
      staleTime: 60_000,
      retry: (failures, error) => failures < 1 && !(error instanceof ApiError && error.isClientFault),
      retryDelay: 700,
    },
  },
});

export function App() {
  const { path, search } = useAddress();
  const view = useMemo(() => parseViewState(search), [search]);
  const theme = useTheme(view.theme);
  const lang = useLanguage(view.lang);
  useWholeStateInAddress(path, search, view);

  const change = useCallback<PageProps['change']>((patch, options) => {
    navigate(location.pathname + formatViewState({ ...parseViewState(location.search), ...patch }), options);
  }, []);
  const open = useCallback<PageProps['open']>((page) => {
    navigate((page === 'chart' ? '/' : `/${page}`) + location.search);
  }, []);

  const props: PageProps = { view, theme, change, open };
  return (
    <QueryClientProvider client={queryClient}>
      <LanguageProvider value={lang}>
        <div className="app" data-theme={theme} data-lang={lang}>
          <ErrorBoundary key={path}>
            <Suspense fallback={<Loading />}>
              <Page path={path} {...props} />
            </Suspense>
            <SlowNotice />
          </ErrorBoundary>
        </div>
      </LanguageProvider>
    </QueryClientProvider>
  );
}

function Page({ path, ...props }: PageProps & { path: string }) {
  if (path === '/') return <ChartPage {...props} />;
  if (path === '/operations' || path === '/operations/') return <OperationsPage {...props} />;
  return <NotFoundPage {...props} />;
}

/** An address that leaves the symbol to us is filled in, so that a copy of it opens the same view. */
function useWholeStateInAddress(path: string, search: string, view: ViewState): void {
  useEffect(() => {
    if (path === '/' && !new URLSearchParams(search).has('symbol')) navigate(path + formatViewState(view), { replace: true });
  }, [path, search, view]);
}
