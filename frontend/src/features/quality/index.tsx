import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '@/api/client';
import type { QuarantinedRow } from '@/api/types';
import { term, useTranslation } from '@/i18n';
import { formatInstant, formatInteger } from '@/lib/format';
import { Dialog } from '@/ui/Dialog';
import { Icon } from '@/ui/Icon';
import { Failure, Loading, Message } from '@/ui/States';
import { cellsOf } from './cells';

const PAGE = 50;

/** How many rows of the symbol the import held back; opens the list of them. */
export function QualityBadge({ symbol, count }: { symbol: string; count: number }) {
  const { lang, m } = useTranslation();
  const [open, setOpen] = useState(false);
  const formatted = formatInteger(lang, count);
  const label = count === 0 ? m.quality.clean : m.quality.badge(count, formatted);
  return (
    <>
      <button
        type="button"
        className={`button badge ${count === 0 ? 'good' : 'warn'}`}
        aria-label={label}
        title={label}
        onClick={() => {
          setOpen(true);
        }}
      >
        <Icon name={count === 0 ? 'check' : 'warning'} />
        <span className="wide-only">{label}</span>
        {count > 0 && <span className="narrow-only">{m.quality.short(formatted)}</span>}
      </button>
      {open && (
        <Dialog
          title={m.quality.title(symbol)}
          shape="drawer"
          onClose={() => {
            setOpen(false);
          }}
        >
          <QuarantineList symbol={symbol} />
        </Dialog>
      )}
    </>
  );
}

function useQuarantine(symbol: string) {
  return useInfiniteQuery({
    queryKey: ['quarantine', symbol],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      get('/api/v1/stocks/{symbol}/quarantine', { path: { symbol }, query: { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) } }, signal),
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  });
}

function QuarantineList({ symbol }: { symbol: string }) {
  const { lang, m } = useTranslation();
  const rows = useQuarantine(symbol);
  if (rows.isPending) return <Loading label={m.quality.loading} />;
  if (rows.isError) return <Failure error={rows.error} onRetry={() => void rows.refetch()} />;
  const items = rows.data.pages.flatMap((page) => page.items);
  const total = rows.data.pages[0]?.total ?? items.length;
  if (items.length === 0) {
    return <Message icon="check" title={m.quality.clean} detail={m.quality.cleanDetail} heading="h3" tone="good" />;
  }
  return (
    <div className="drawer-body">
      <p className="explain">{m.quality.explain}</p>
      <ul className="quarantine" aria-label={m.quality.list}>
        {items.map((item) => (
          <Row key={item.id} item={item} />
        ))}
      </ul>
      <p className="fine-print">{m.quality.shown(formatInteger(lang, items.length), formatInteger(lang, total))}</p>
      {rows.hasNextPage && (
        <button
          type="button"
          className="button outlined"
          disabled={rows.isFetchingNextPage}
          onClick={() => void rows.fetchNextPage()}
        >
          {m.actions.loadMore}
        </button>
      )}
    </div>
  );
}

function Row({ item }: { item: QuarantinedRow }) {
  const { lang, m } = useTranslation();
  return (
    <li className="quarantine-row">
      <div className="quarantine-reasons">
        {item.reasons.map((reason) => (
          <strong key={reason}>{term(lang, 'reason', reason)}</strong>
        ))}
        <span className={`tag ${item.state}`}>{term(lang, 'rowState', item.state)}</span>
      </div>
      <dl className="cells">
        {cellsOf(lang, item.row).map(({ field, value }) => (
          <div key={field}>
            <dt>{term(lang, 'field', field)}</dt>
            <dd className={value === null ? 'absent' : undefined}>{value ?? m.quality.none}</dd>
          </div>
        ))}
      </dl>
      <p className="fine-print">
        {item.source}, {m.quality.row(formatInteger(lang, item.row_number))}
        {` · ${formatInstant(lang, item.created_at)}`}
      </p>
    </li>
  );
}
