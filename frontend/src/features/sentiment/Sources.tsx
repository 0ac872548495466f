import type { PostSource } from '@/api/types';
import { ApiError } from '@/api/client';
import { term, useTranslation } from '@/i18n';
import { formatDecimal, formatInstant, formatInteger } from '@/lib/format';
import { Failure, Loading } from '@/ui/States';
import { useSources } from './api';

const TONES: Record<string, string> = {
  reading: 'positive',
  silent: 'warn',
  waiting: 'warn',
  spent: 'warn',
  refused: 'negative',
  failing: 'negative',
};

/** The sources of posts and how they stand, on the operations page; nothing where there is no sentiment-service. */
export function SourcesPanel() {
  const { m } = useTranslation();
  const sources = useSources();
  if (sources.error instanceof ApiError && sources.error.isNotFound) return null;
  return (
    <section className="sources" aria-label={m.sources.title}>
      <h2>{m.sources.title}</h2>
      {sources.isPending && <Loading label={m.sources.loading} />}
      {sources.isError && sources.data === undefined && <Failure error={sources.error} onRetry={() => void sources.refetch()} />}
      {sources.data !== undefined && (
        <>
          <p className="explain">{sources.data.items.some((item) => item.configured) ? m.sources.explain : m.sources.noneOn}</p>
          {sources.isError && (
            <p className="explain" role="alert">
              {m.sources.outdated}
            </p>
          )}
          <ul className={`source-list ${sources.isError ? 'outdated' : ''}`}>
            {sources.data.items.map((item) => (
              <Source key={item.name} source={item} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Source({ source }: { source: PostSource }) {
  const { lang, m } = useTranslation();
  const most = source.posts_most === null ? null : formatInteger(lang, source.posts_most);
  const money = (value: number) => `$${formatDecimal(lang, value, 2)}`;
  return (
    <li className="card source">
      <div className="source-head">
        <h3>{source.title}</h3>
        <span className={`tag ${TONES[source.state] ?? ''}`}>{term(lang, 'sourceState', source.state)}</span>
      </div>
      {source.reason !== '' && <p>{source.reason}</p>}
      {source.configured && (
        <p className="fine-print">
          {m.sources.today(formatInteger(lang, source.posts_today), most)}
          {source.spent_most_usd !== null && ` · ${m.sources.spent(money(source.spent_today_usd), money(source.spent_most_usd))}`}
          {source.last_post_at !== null && ` · ${m.sources.lastPost(formatInstant(lang, source.last_post_at))}`}
          {source.again_at !== null && ` · ${m.sources.again(formatInstant(lang, source.again_at))}`}
        </p>
      )}
      {source.needs.length > 0 && (
        <p className="fine-print">
          {m.sources.needs}{' '}
          {source.needs.map((name) => (
            <code key={name}>{name}</code>
          ))}
        </p>
      )}
      {source.note !== '' && <p className="fine-print">{m.sources.note(source.name, source.note)}</p>}
    </li>
  );
}
