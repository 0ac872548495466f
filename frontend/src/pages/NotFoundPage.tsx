import { useTranslation } from '@/i18n';
import { Message } from '@/ui/States';
import { Header } from './Header';
import type { PageProps } from './page';

export function NotFoundPage(props: PageProps) {
  const { m } = useTranslation();
  return (
    <>
      <Header page={null} {...props} />
      <main className="page">
        <Message icon="search" title={m.pageNotFound.title} heading="h1">
          <button
            type="button"
            className="button primary"
            onClick={() => {
              props.open('chart');
            }}
          >
            {m.pageNotFound.toChart}
          </button>
        </Message>
      </main>
    </>
  );
}
