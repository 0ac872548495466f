import { BackupsPanel } from '@/features/backups';
import { OperationsPanel, useOperations } from '@/features/operations';
import { SourcesPanel } from '@/features/sentiment';
import { Header } from './Header';
import type { PageProps } from './page';

export function OperationsPage(props: PageProps) {
  const managed = useOperations().data?.backups_managed;
  return (
    <>
      <Header page="operations" {...props} />
      <main className="page">
        <OperationsPanel />
        {managed !== undefined && <SourcesPanel />}
        {managed !== undefined && <BackupsPanel managed={managed} />}
      </main>
    </>
  );
}
