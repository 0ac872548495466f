import { OperationsPanel } from '@/features/operations';
import { Header } from './Header';
import type { PageProps } from './page';

export function OperationsPage(props: PageProps) {
  return (
    <>
      <Header page="operations" {...props} />
      <main className="page">
        <OperationsPanel />
      </main>
    </>
  );
}
