import type { ReactNode } from 'react';
import type { BackupCopy, Backups, BackupWarning, Drill } from '@/api/types';
import { term, useTranslation } from '@/i18n';
import { instant, type Instant } from '@/lib/brand';
import { formatBytes, formatDuration, formatInstant, formatInteger, formatSeconds, MISSING } from '@/lib/format';
import { Card, Facts } from '@/ui/Card';
import { Icon } from '@/ui/Icon';
import { Failure, FailureDetail, Loading, Message } from '@/ui/States';
import { useBackups } from './api';
import { Command } from './Command';
import { pointsOf } from './points';
import { Timeline } from './Timeline';
import { TrendChart } from './TrendChart';

/** How the backups stand. managed: whether the platform knows of any. */
export function BackupsPanel({ managed }: { managed: boolean }) {
  const { m } = useTranslation();
  return (
    <section className="backups" aria-labelledby="backups-title">
      <h2 id="backups-title">{m.backups.title}</h2>
      {managed ? <Managed /> : <NotManaged />}
    </section>
  );
}

function NotManaged() {
  const { m } = useTranslation();
  return <Message icon="empty" heading="h3" title={m.backups.notManaged} detail={m.backups.notManagedDetail} />;
}

function Managed() {
  const { m } = useTranslation();
  const backups = useBackups();
  const { data, error, dataUpdatedAt } = backups;
  if (data !== undefined) return <State data={data} error={error} at={instant(dataUpdatedAt)} />;
  if (error !== null) return <Failure error={error} onRetry={() => void backups.refetch()} />;
  return <Loading label={m.backups.loading} />;
}

function State({ data, error, at }: { data: Backups; error: Error | null; at: Instant }) {
  return (
    <>
      {error !== null && <Silence error={error} at={at} />}
      <Warnings warnings={data.warnings.filter((warning) => !isNote(warning))} />
      {error === null && data.warnings.every(isNote) && <Calm data={data} />}
      <Notes notes={data.warnings.filter(isNote)} />
      {data.backups.length === 0 && data.storage.used_bytes !== null && <First at={data.schedule.next_backup_at} />}
      <div className={error === null ? 'backup-cards' : 'backup-cards outdated'}>
        <Points data={data} now={at} />
        <LastBackup data={data} now={at} />
        <LastDrill data={data} now={at} />
        <Archive data={data} />
        <Storage data={data} />
        <Copies copies={data.copies ?? []} now={at} />
        <Trends drills={data.drills} />
      </div>
    </>
  );
}

function Silence({ error, at }: { error: Error; at: Instant }) {
  const { lang, m } = useTranslation();
  return (
    <div className="verdict bad" role="alert">
      <Icon name="offline" />
      <div>
        <strong>{m.backups.silent}</strong>
        <FailureDetail error={error} />
        <span className="fine-print">{m.backups.lastKnown(formatInstant(lang, at))}</span>
      </div>
    </div>
  );
}

const TONES = { critical: 'bad', warning: 'warn', info: 'note' } as const;

function isNote(warning: BackupWarning): boolean {
  return warning.severity === 'info';
}

function Warnings({ warnings }: { warnings: readonly BackupWarning[] }) {
  const { m } = useTranslation();
  if (warnings.length === 0) return null;
  return (
    <div role="alert">
      <ul className="backup-warnings" aria-label={m.backups.warnings}>
        {warnings.map((warning) => (
          <WarningItem key={warning.kind} warning={warning} />
        ))}
      </ul>
    </div>
  );
}

function Notes({ notes }: { notes: readonly BackupWarning[] }) {
  const { m } = useTranslation();
  if (notes.length === 0) return null;
  return (
    <ul className="backup-warnings" aria-label={m.backups.notes}>
      {notes.map((note) => (
        <WarningItem key={note.kind} warning={note} />
      ))}
    </ul>
  );
}

function WarningItem({ warning }: { warning: BackupWarning }) {
  const { m } = useTranslation();
  return (
    <li className={`verdict ${TONES[warning.severity]}`}>
      <Icon name={isNote(warning) ? 'info' : 'warning'} />
      <div>
        <strong>{warning.why}</strong>
        <span>{warning.todo}</span>
        <span className="fine-print">
          {m.backups.runbook} <code>{`stockops runbook ${warning.kind}`}</code>
        </span>
      </div>
    </li>
  );
}

function Calm({ data }: { data: Backups }) {
  const { lang, m } = useTranslation();
  const last = data.wal.last_point;
  if (last === null) return null;
  return (
    <div className="verdict good">
      <Icon name="check" />
      <div>
        <strong>{m.backups.noWarning}</strong>
        <span className="fine-print">{m.backups.restorableTo(formatInstant(lang, last))}</span>
      </div>
    </div>
  );
}

function First({ at }: { at: string | null }) {
  const { lang, m } = useTranslation();
  return (
    <Message
      icon="empty"
      heading="h3"
      title={m.backups.notYet}
      detail={at === null ? m.backups.firstUnknown : m.backups.firstAt(formatInstant(lang, at))}
    >
      <Command line="stockops backup create" />
    </Message>
  );
}

function Points({ data, now }: { data: Backups; now: Instant }) {
  const { lang, m } = useTranslation();
  const points = pointsOf(data.wal, data.backups, now);
  if (points === null) return null;
  const count = points.marks.length;
  return (
    <Card title={m.backups.points} heading="h3" wide>
      <p className="fine-print">
        {m.backups.window(formatInstant(lang, points.range.from), formatInstant(lang, points.last))}
        {' · '}
        {m.backups.backupCount(count, formatInteger(lang, count))}
        {points.gaps.length > 0 && <strong className="timeline-none"> · {m.backups.gapCount(points.gaps.length)}</strong>}
      </p>
      <Timeline points={points} />
    </Card>
  );
}

function LastBackup({ data, now }: { data: Backups; now: Instant }) {
  const { lang, m } = useTranslation();
  const last = data.backups.at(-1);
  const next: [string, ReactNode] = [m.backups.next, <Due key="next" at={data.schedule.next_backup_at} now={now} />];
  return (
    <Card title={m.backups.lastBackup} heading="h3">
      {last === undefined ? (
        <Facts facts={[[m.backups.lastBackup, data.storage.used_bytes === null ? MISSING : m.backups.none], next]} />
      ) : (
        <Facts
          facts={[
            [m.backups.finished, <Ago key="at" at={last.finished_at} now={now} />],
            [m.backups.kind, term(lang, 'backupKind', last.kind)],
            [m.backups.size, formatBytes(lang, last.size_bytes)],
            [m.backups.took, formatSeconds(lang, last.duration_s)],
            [m.backups.verified, last.verified_at === null ? m.backups.notVerified : <Ago key="v" at={last.verified_at} now={now} />],
            next,
          ]}
        />
      )}
    </Card>
  );
}

function LastDrill({ data, now }: { data: Backups; now: Instant }) {
  const { m } = useTranslation();
  const last = data.drills.at(-1);
  const next: [string, ReactNode] = [m.backups.next, <Due key="next" at={data.schedule.next_drill_at} now={now} />];
  return (
    <Card title={m.backups.lastDrill} heading="h3">
      {last === undefined ? (
        <Facts facts={[[m.backups.lastDrill, m.backups.none], next]} />
      ) : (
        <Facts
          facts={[
            [m.backups.outcome, <Outcome key="outcome" drill={last} />],
            [m.backups.at, <Ago key="at" at={last.started_at} now={now} />],
            [m.backups.rpo, <Seconds key="rpo" value={last.rpo_s} />],
            [m.backups.rto, <Seconds key="rto" value={last.rto_s} />],
            next,
          ]}
        />
      )}
    </Card>
  );
}

function Archive({ data: { archive } }: { data: Backups }) {
  const { lang, m } = useTranslation();
  const failure: [string, ReactNode][] = archive.last_error === null ? [] : [[m.backups.lastError, archive.last_error]];
  return (
    <Card title={m.backups.archive} heading="h3">
      <Facts
        facts={[
          [m.backups.streaming, <Good key="streaming" good={archive.streaming} text={archive.streaming ? m.backups.yes : m.backups.no} />],
          [m.backups.lag, <Seconds key="lag" value={archive.lag_s} />],
          [m.backups.retained, archive.slot_retained_bytes === null ? MISSING : formatBytes(lang, archive.slot_retained_bytes)],
          [m.backups.slot, archive.wal_status === null ? MISSING : term(lang, 'slotState', archive.wal_status)],
          ...failure,
        ]}
      />
    </Card>
  );
}

function Storage({ data: { storage, retention } }: { data: Backups }) {
  const { lang, m } = useTranslation();
  const days = (n: number) => m.backups.days(n, formatInteger(lang, n));
  return (
    <Card title={m.backups.storage} heading="h3">
      <Facts
        facts={[
          [m.backups.where, <span key="where" className="path">{storage.where}</span>],
          [m.backups.used, storage.used_bytes === null ? MISSING : formatBytes(lang, storage.used_bytes)],
          [m.backups.free, storage.free_bytes === null ? MISSING : formatBytes(lang, storage.free_bytes)],
          [m.backups.keeps, m.backups.keptFor(formatInteger(lang, retention.keep_days), formatInteger(lang, retention.keep_full))],
          [m.backups.fullEvery, days(retention.full_every_days)],
          [m.backups.drillEvery, days(retention.drill_every_days)],
        ]}
      />
    </Card>
  );
}

function Copies({ copies, now }: { copies: readonly BackupCopy[]; now: Instant }) {
  const { lang, m } = useTranslation();
  return copies.map((copy) => (
    <Card key={copy.name} title={m.backups.copyOf(copy.name)} heading="h3">
      <Facts
        facts={[
          [m.backups.state, <Good key="state" good={copy.trouble === null} text={copy.trouble ?? m.backups.copyWorks} />],
          [m.backups.where, <span key="where" className="path">{copy.where}</span>],
          [m.backups.lag, <Seconds key="lag" value={copy.lag_s} />],
          [m.backups.lastBackup, copy.newest_at === null ? m.backups.none : <Ago key="at" at={copy.newest_at} now={now} />],
          [m.backups.verified, copy.verified_at === null ? m.backups.notVerified : <Ago key="v" at={copy.verified_at} now={now} />],
          [m.backups.used, copy.used_bytes === null ? MISSING : formatBytes(lang, copy.used_bytes)],
        ]}
      />
    </Card>
  ));
}

function Trends({ drills }: { drills: readonly Drill[] }) {
  const { m } = useTranslation();
  if (drills.length === 0) return null;
  return (
    <div className="backup-trends">
      <Card title={m.backups.rpoLong} heading="h3">
        <TrendChart drills={drills} measure="rpo_s" name={m.backups.rpoLong} />
      </Card>
      <Card title={m.backups.rtoLong} heading="h3">
        <TrendChart drills={drills} measure="rto_s" name={m.backups.rtoLong} />
      </Card>
      <DrillTable drills={drills} />
    </div>
  );
}

function DrillTable({ drills }: { drills: readonly Drill[] }) {
  const { lang, m } = useTranslation();
  return (
    <details className="drills">
      <summary>{m.backups.drills}</summary>
      <div className="drills-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{m.backups.at}</th>
              <th scope="col">{m.backups.outcome}</th>
              <th scope="col">{m.backups.rpo}</th>
              <th scope="col">{m.backups.rto}</th>
            </tr>
          </thead>
          <tbody>
            {drills.toReversed().map((drill) => (
              <tr key={drill.id}>
                <td>{formatInstant(lang, drill.started_at)}</td>
                <td>
                  <Outcome drill={drill} />
                </td>
                <td>
                  <Seconds value={drill.rpo_s} />
                </td>
                <td>
                  <Seconds value={drill.rto_s} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Outcome({ drill }: { drill: Drill }) {
  const { lang } = useTranslation();
  return <Good good={drill.outcome === 'passed'} text={term(lang, 'drillOutcome', drill.outcome)} />;
}

function Good({ good, text }: { good: boolean; text: string }) {
  return (
    <span className={good ? 'state good' : 'state bad'}>
      <Icon name={good ? 'check' : 'warning'} />
      {text}
    </span>
  );
}

function Seconds({ value }: { value: number | null }) {
  const { lang } = useTranslation();
  return value === null ? MISSING : formatSeconds(lang, value);
}

function Ago({ at, now }: { at: string; now: Instant }) {
  const { lang, m } = useTranslation();
  const age = m.backups.ago(formatDuration(lang, Math.max(0, now - instant(at)) / 1000));
  return <time dateTime={at} title={formatInstant(lang, at)}>{age}</time>;
}

function Due({ at, now }: { at: string | null; now: Instant }) {
  const { lang, m } = useTranslation();
  if (at === null) return m.backups.unplanned;
  const wait = m.backups.inFuture(formatDuration(lang, Math.max(0, instant(at) - now) / 1000));
  return <time dateTime={at} title={formatInstant(lang, at)}>{wait}</time>;
}
