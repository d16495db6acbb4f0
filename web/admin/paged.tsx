import { Button } from '../kit/button.tsx';

export const More = ({ list }: { list: { hasMore: boolean; isLoadingMore: boolean; more(): void } }) =>
  list.hasMore ? (
    <p className="mt-4 text-center">
      <Button look="secondary" isBusy={list.isLoadingMore} onClick={list.more}>
        Load more
      </Button>
    </p>
  ) : null;
