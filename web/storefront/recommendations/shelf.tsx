import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useRef } from 'react';
import { api } from '../../api/client.ts';
import type { paths } from '../../api/schema.d.ts';
import { note } from '../../api/shopper-activity.ts';
import { visitId } from '../../api/visit.ts';
import { LeftIcon, RightIcon } from '../../kit/icons.tsx';
import { Loading } from '../../kit/skeleton.tsx';
import { CardSkeleton, ProductCard } from '../catalogue/product-card.tsx';
import { type Product, useProducts } from '../catalogue/products.ts';
import { type Reason, type Recommended, reasonOf, sharedReason } from './reason.ts';
import { useSeen } from './seen.ts';

export type Scenario = paths['/api/recommendations']['get']['parameters']['query']['scenario'];

export type Question = {
  scenario: Scenario;
  productId?: string | undefined;
  productIds?: readonly string[] | undefined;
  exclude?: readonly string[] | undefined;
  limit?: number;
};

const shelfLimit = 12;

export const useRecommendations = (question: Question, isWanted = true) =>
  useQuery({
    queryKey: ['get', '/api/recommendations', question],
    enabled: isWanted,
    // What a visitor does changes the answer within seconds.
    staleTime: 2_000,
    queryFn: async ({ signal }) => {
      const { productIds, exclude, limit = shelfLimit, productId, scenario } = question;
      const { data } = await api.GET('/api/recommendations', {
        params: {
          query: {
            scenario,
            limit,
            visitId: visitId(),
            ...(productId ? { productId } : {}),
            ...(productIds?.length ? { productIds: productIds.join(',') } : {}),
            ...(exclude?.length ? { exclude: exclude.join(',') } : {}),
          },
        },
        signal,
      });
      return data;
    },
  });

/**
 * A shelf of recommendations. While it loads it has the boxes of its cards; if there is nothing to show, or the
 * recommender is away, it is absent without a word, because the page is whole without it.
 */
export const Shelf = ({
  title,
  question,
  isWanted = true,
  inView,
  about,
  more,
}: {
  title: string;
  question: Question;
  /** Why the shelf is there, where its products do not share a better reason. */
  about?: string;
  /** The product whose page this is. */
  inView?: string;
  /** False while it is not known yet what to ask; the boxes are shown already. */
  isWanted?: boolean;
  more?: ReactNode;
}) => {
  const answer = useRecommendations(question, isWanted);
  const ids = answer.data?.items.flatMap(({ productId, reason }) => [
    productId,
    ...reason.because.slice(0, 1),
  ]);
  const products = useProducts(ids && [...new Set(ids)]);
  if (answer.isError || products.isError) return null;
  const items = answer.data?.items ?? [];
  if (answer.isSuccess && (items.length === 0 || products.data?.length === 0)) return null;
  const byId = new Map(products.data?.map((product) => [product.id, product]));
  const shared = sharedReason(items, inView);
  const says = shared?.because === undefined && about !== undefined ? { text: about } : shared;
  return (
    <Row title={title} subtitle={says && <ReasonWords reason={says} byId={byId} isLink />} more={more}>
      {products.data === undefined || answer.data === undefined ? (
        <Placeholders />
      ) : (
        items.flatMap((item, position) => {
          const product = byId.get(item.productId);
          if (product === undefined) return [];
          return (
            <ShelfItem
              key={item.productId}
              recommendationId={answer.data?.recommendationId ?? ''}
              {...{ item, position, product, byId, inView }}
              isReasonShared={shared !== undefined}
            />
          );
        })
      )}
    </Row>
  );
};

const places = [0, 1, 2, 3, 4, 5];
const itemClasses = 'w-[44vw] max-w-52 shrink-0 snap-start sm:w-48';

const Placeholders = () => (
  <>
    {places.map((place) => (
      <li key={place} className={itemClasses}>
        <Loading what="products">
          <CardSkeleton />
        </Loading>
      </li>
    ))}
  </>
);

const ShelfItem = ({
  item,
  product,
  position,
  recommendationId,
  byId,
  inView,
  isReasonShared,
}: {
  item: Recommended;
  product: Product;
  position: number;
  recommendationId: string;
  byId: ReadonlyMap<string, Product>;
  inView: string | undefined;
  isReasonShared: boolean;
}) => {
  const about = { productId: item.productId, recommendationId, position };
  const element = useSeen<HTMLLIElement>(() => note({ type: 'recommendation_shown', ...about }));
  const reason = isReasonShared ? undefined : reasonOf(item, inView);
  return (
    <li ref={element} className={itemClasses}>
      <ProductCard
        product={product}
        onOpen={() => note({ type: 'recommendation_clicked', ...about })}
        note={reason && <ReasonWords reason={reason} byId={byId} />}
      />
    </li>
  );
};

const ReasonWords = ({
  reason,
  byId,
  isLink = false,
}: {
  reason: Reason;
  byId: ReadonlyMap<string, Product>;
  isLink?: boolean;
}) => {
  if (reason.because === undefined) return <>{reason.text}</>;
  const product = byId.get(reason.because);
  if (product === undefined) return null;
  return (
    <>
      {reason.text}{' '}
      {isLink ? (
        <Link
          to="/products/$productId"
          params={{ productId: product.id }}
          className="text-action underline underline-offset-4"
        >
          {product.name}
        </Link>
      ) : (
        <em className="not-italic">{product.name}</em>
      )}
    </>
  );
};

/** A row that scrolls sideways by finger, wheel, keyboard and two buttons, and never by itself. */
export const Row = ({
  title,
  subtitle,
  more,
  children,
}: {
  title: string;
  subtitle?: ReactNode;
  more?: ReactNode;
  children: ReactNode;
}) => {
  const list = useRef<HTMLUListElement>(null);
  const scroll = (direction: 1 | -1) => () =>
    list.current?.scrollBy({ left: direction * list.current.clientWidth * 0.8, behavior: 'smooth' });
  return (
    <section aria-label={title}>
      <div className="mb-4 flex items-end justify-between gap-4">
        <div>
          <h2 className="font-display text-2xl sm:text-[1.7rem]">{title}</h2>
          <p className="min-h-6 text-ink-soft text-sm">{subtitle}</p>
        </div>
        <div className="flex items-center gap-1">
          {more}
          <div className="hidden gap-1 sm:flex">
            <ScrollButton label={`${title}: back`} onPress={scroll(-1)}>
              <LeftIcon />
            </ScrollButton>
            <ScrollButton label={`${title}: further`} onPress={scroll(1)}>
              <RightIcon />
            </ScrollButton>
          </div>
        </div>
      </div>
      <ul
        ref={list}
        className="-mx-4 flex snap-x snap-mandatory scroll-px-4 gap-4 overflow-x-auto px-4 pt-1 pb-4 [scrollbar-width:thin] sm:gap-5"
      >
        {children}
      </ul>
    </section>
  );
};

const ScrollButton = ({
  label,
  onPress,
  children,
}: {
  label: string;
  onPress(): void;
  children: ReactNode;
}) => (
  <button
    type="button"
    aria-label={label}
    onClick={onPress}
    className="grid size-11 place-items-center rounded-full border border-line bg-surface hover:bg-sunken"
  >
    {children}
  </button>
);
