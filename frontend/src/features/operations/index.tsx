import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiError, get } from '@/api/client';
import type { ImportRun, Operations, PartHealth, Verdict } from '@/api/types';
import { term, useTranslation } from '@/i18n';
import { formatBytes, formatDecimal, formatDuration, formatInstant, formatInteger, formatRatio, MISSING } from '@/lib/format';
import { Card, Facts } from '@/ui/Card';
import { Icon } from '@/ui/Icon';
import { Failure, FailureDetail, Loading } from '@/ui/States';

const REFRESH_MS = 5000;

/** The state of the platform, asked anew every few seconds. */
export function useOperations() {
  return useQuery({
    queryKey: ['operations'],
    queryFn: ({ signal }) => get('/api/v1/operations', {}, signal),
    refetchInterval: REFRESH_MS,
    staleTime: 0,
    retry: false,
  });
}

export function OperationsPanel() {
  const { m } = useTranslation();
  const operations = useOperations();
  const { data, error, dataUpdatedAt } = operations;
  return (
    <div className="operations">
      <h1>{m.operations.title}</h1>
      {data === undefined && error === null && <Loading label={m.operations.loading} />}
      {data === undefined && error !== null && (
        <>
          <Failure error={error} onRetry={() => void operations.refetch()} />
          <p className="fine-print centred">{m.operations.tryingAgain}</p>
        </>
      )}
      {data !== undefined && (
        <>
          {error === null ? <Banner verdict={data.verdict} at={dataUpdatedAt} /> : <Outage error={error} at={dataUpdatedAt} />}
          <div className={error === null ? 'cards' : 'cards outdated'}>
            <Parts parts={data.parts} />
            <Platform data={data} />
            <Database data={data} />
            <Cache data={data} />
            <LastImport run={data.last_import} />
          </div>
        </>
      )}
    </div>
  );
}

const TONES = { ok: 'good', warning: 'warn', critical: 'bad' } as const;

function Banner({ verdict, at }: { verdict: Verdict; at: number }) {
  const { lang, m } = useTranslation();
  const count = (severity: string) => verdict.findings.filter((finding) => finding.severity === severity).length;
  const [critical, warnings] = [count('critical'), count('warning')];
  const counts = [
    ...(critical > 0 ? [m.operations.critical(critical)] : []),
    ...(warnings > 0 ? [m.operations.warnings(warnings)] : []),
  ];
  return (
    <div className={`verdict ${TONES[verdict.state]}`}>
      <Icon name={verdict.state === 'ok' ? 'check' : 'warning'} />
      <div>
        <strong role="status">{verdict.state === 'ok' ? m.operations.allHealthy : counts.join(' · ')}</strong>
        <span className="fine-print">
          {m.operations.refreshed(formatInstant(lang, at))} · {m.operations.refreshing}
        </span>
      </div>
    </div>
  );
}

function Outage({ error, at }: { error: Error; at: number }) {
  const { lang, m } = useTranslation();
  return (
    <div className="verdict bad" role="alert">
      <Icon name="offline" />
      <div>
        <strong>{error instanceof ApiError && !error.isUnreachable ? m.operations.unreadable : m.operations.down}</strong>
        <FailureDetail error={error} />
        <span className="fine-print">
          {m.operations.lastKnown(formatInstant(lang, at))} {m.operations.tryingAgain}
        </span>
      </div>
    </div>
  );
}

function Parts({ parts }: { parts: PartHealth[] }) {
  const { m } = useTranslation();
  return (
    <Card title={m.operations.parts} wide>
      <ul className="parts">
        {parts.map((part) => (
          <Part key={part.name} part={part} />
        ))}
      </ul>
    </Card>
  );
}

function Part({ part }: { part: PartHealth }) {
  const { lang, m } = useTranslation();
  const latency = part.healthy ? m.operations.milliseconds(formatDecimal(lang, part.latency_ms, 1)) : null;
  return (
    <li className={part.healthy ? 'part good' : 'part bad'}>
      <span className="part-state">
        <Icon name={part.healthy ? 'check' : 'warning'} />
        {part.healthy ? m.operations.healthy : m.operations.unhealthy}
      </span>
      <strong>{term(lang, 'part', part.name)}</strong>
      <span className="part-facts">{[part.version, latency].filter((fact) => fact !== null).join(' · ')}</span>
      {!part.healthy && <span className="part-reason">{part.reason ?? m.operations.noReason}</span>}
    </li>
  );
}

function Platform({ data }: { data: Operations }) {
  const { lang, m } = useTranslation();
  return (
    <Card title={m.operations.platform}>
      <Facts
        facts={[
          [m.operations.version, data.version],
          [m.operations.target, data.target],
          [m.operations.uptime, formatDuration(lang, data.uptime_s)],
        ]}
      />
    </Card>
  );
}

function Database({ data: { database } }: { data: Operations }) {
  const { lang, m } = useTranslation();
  const count = (value: number | undefined) => (value === undefined ? MISSING : formatInteger(lang, value));
  return (
    <Card title={m.operations.database}>
      <Facts
        facts={[
          [m.operations.size, database === null ? MISSING : formatBytes(lang, database.size_bytes)],
          [m.operations.bars, count(database?.bars)],
          [m.operations.instruments, count(database?.instruments)],
          [m.operations.quarantined, count(database?.quarantined)],
        ]}
      />
    </Card>
  );
}

function Cache({ data: { cache } }: { data: Operations }) {
  const { lang, m } = useTranslation();
  const rate = cache?.hit_rate ?? null;
  return (
    <Card title={m.operations.cache}>
      <Facts
        facts={[
          [m.operations.hitRate, rate === null ? MISSING : <HitRate key="rate" rate={rate} />],
          [m.operations.hits, cache === null ? MISSING : formatInteger(lang, cache.hits)],
          [m.operations.misses, cache === null ? MISSING : formatInteger(lang, cache.misses)],
        ]}
      />
    </Card>
  );
}

function HitRate({ rate }: { rate: number }) {
  const { lang, m } = useTranslation();
  return (
    <span className="rate">
      <meter min={0} max={1} value={rate} aria-label={m.operations.hitRate} />
      {formatRatio(lang, rate)}
    </span>
  );
}

function LastImport({ run }: { run: ImportRun | null }) {
  const { lang, m } = useTranslation();
  return (
    <Card title={m.operations.lastImport} wide>
      {run === null ? <p className="explain">{m.operations.noImport}</p> : <Facts facts={importFacts(run)} />}
    </Card>
  );

  function importFacts(of: ImportRun): [string, ReactNode][] {
    const count = (value: number) => formatInteger(lang, value);
    const rows = `${count(of.rows_done)} / ${count(of.rows_total)}`;
    const failure: [string, ReactNode][] = of.error === null ? [] : [[m.operations.error, of.error]];
    return [
      [m.operations.status, term(lang, 'importState', of.status)],
      ...failure,
      [m.operations.source, <span key="source" className="path">{of.source}</span>],
      [m.operations.started, formatInstant(lang, of.started_at)],
      [m.operations.finished, of.finished_at === null ? m.operations.running : formatInstant(lang, of.finished_at)],
      [m.operations.rows, rows],
      [m.operations.accepted, count(of.accepted)],
      [m.operations.unchanged, count(of.unchanged)],
      [m.operations.corrected, count(of.corrected)],
      [m.operations.quarantined, count(of.quarantined)],
    ];
  }
}
