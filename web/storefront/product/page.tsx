import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { query } from '../../api/client.ts';
import { ApiProblem } from '../../api/problem.ts';
import { note } from '../../api/shopper-activity.ts';
import { CoverPicture } from '../../cover/cover.tsx';
import { classes } from '../../kit/classes.ts';
import { CheckIcon } from '../../kit/icons.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Loading, Skeleton, SkeletonText } from '../../kit/skeleton.tsx';
import { categoryWords } from '../../words/words.ts';
import { useCategories, wayTo } from '../catalogue/categories.ts';
import { type Product, productQuery } from '../catalogue/products.ts';
import { Stars } from '../catalogue/stars.tsx';
import { Way } from '../catalogue/way.tsx';
import { type Question, Shelf, useRecommendations } from '../recommendations/shelf.tsx';
import { NotFound } from '../shell/not-found.tsx';
import { Page } from '../shell/page.tsx';
import { BuyBox } from './buy-box.tsx';
import { Reviews } from './reviews.tsx';

/** The boxes of the page, for what stands in them and for what stands there while it loads. */
const columnClasses =
  'grid grid-cols-[minmax(0,1fr)] gap-8 md:grid-cols-2 lg:grid-cols-[27rem_1fr] lg:gap-14';
/** Whole, in its own proportions: nothing of the drawing is cut off. */
const coverClasses = 'w-full max-w-[27rem] max-sm:max-w-64 self-start justify-self-center rounded-3xl';
const factsClasses = 'flex min-w-0 flex-col gap-5 md:py-2';

export const ProductPage = () => {
  const { productId = '' } = useParams({ strict: false });
  return <ProductWithId key={productId} productId={productId} />;
};

const ProductWithId = ({ productId }: { productId: string }) => {
  const { data: product, error, refetch } = useQuery(productQuery(productId));
  const isThere = product !== undefined;
  useEffect(() => {
    if (isThere) note({ type: 'product_viewed', productId });
  }, [isThere, productId]);
  if (product === undefined && error)
    return error instanceof ApiProblem && [400, 404].includes(error.status) ? (
      <NotFound />
    ) : (
      <Page title="Product" isTitleHidden>
        <ProblemPanel error={error} onRetry={() => void refetch()} />
      </Page>
    );
  if (product === undefined) return <ProductSkeleton />;
  return (
    <Page title={product.name} isTitleHidden>
      <WayToProduct product={product} />
      <div className={columnClasses}>
        <CoverPicture product={product} image={product.images[0]} className={coverClasses} />
        <div className={factsClasses}>
          <p aria-hidden="true" className="name font-display text-3xl leading-tight sm:text-4xl">
            {product.name}
          </p>
          <a href="#reviews" className="w-fit text-ink-soft text-sm underline-offset-4 hover:underline">
            {product.rating.count > 0 ? (
              <Stars average={product.rating.average} count={product.rating.count} size={20} />
            ) : (
              'No reviews yet'
            )}
          </a>
          <BuyBox product={product} />
          {product.description !== '' && (
            <p className="name max-w-prose whitespace-pre-line">{product.description}</p>
          )}
          <Variants product={product} />
          <Facts product={product} />
          <Promises />
        </div>
      </div>
      <div className="mt-16 flex flex-col gap-14">
        <ProductShelves productId={productId} reviews={<Reviews product={product} />} />
      </div>
    </Page>
  );
};

/** Each shelf leaves out what stands above it. */
const ProductShelves = ({ productId, reviews }: { productId: string; reviews: ReactNode }) => {
  const withIt: Question = { scenario: 'cart', productIds: [productId] };
  const first = useRecommendations(withIt);
  const shownFirst = first.data?.items.map((item) => item.productId) ?? [];
  const isFirstDone = first.isSuccess || first.isError;
  const similar: Question = { scenario: 'similar', productId, exclude: shownFirst };
  const second = useRecommendations(similar, isFirstDone);
  const shownSecond = second.data?.items.map((item) => item.productId) ?? [];
  return (
    <>
      <Shelf title="Goes with it" question={withIt} inView={productId} />
      <Shelf title="Others of its kind" question={similar} isWanted={isFirstDone} inView={productId} />
      {reviews}
      <Shelf
        title="What next?"
        question={{ scenario: 'product', productId, exclude: [...shownFirst, ...shownSecond] }}
        isWanted={isFirstDone && (second.isSuccess || second.isError)}
        inView={productId}
      />
    </>
  );
};

const ProductSkeleton = () => (
  <Page title="Product" isTitleHidden>
    <Loading what="the product">
      <Skeleton className="mb-5 h-5 w-48" />
      {/* As high as the window at least, so that the footer does not stand in it and move. */}
      <div className={classes(columnClasses, 'min-h-dvh content-start')}>
        <Skeleton className={`aspect-4/5 ${coverClasses}`} />
        <div className={factsClasses}>
          <Skeleton className="h-10 w-4/5" />
          <Skeleton className="h-8 w-28" />
          <Skeleton className="h-13 w-full" />
          <SkeletonText />
        </div>
      </div>
    </Loading>
  </Page>
);

const WayToProduct = ({ product }: { product: Product }) => {
  const { data: tree } = useCategories();
  const known = tree ? wayTo(tree.items, product.category) : [];
  const to = known.length > 0 ? known : [{ path: product.category, name: categoryWords(product.category) }];
  return <Way to={to} className="mb-5" />;
};

const promises = [
  'Buy without an account.',
  'Send back what you do not want, from the page of your order.',
  'A demonstration shop: no card is charged and nothing is sent.',
] as const;

const Promises = () => (
  <ul className="flex flex-col gap-2 rounded-2xl bg-sunken px-5 py-4 text-[0.9375rem] text-ink-soft">
    {promises.map((promise) => (
      <li key={promise} className="flex items-start gap-2.5">
        <CheckIcon size={18} className="mt-0.5 shrink-0 text-good" /> {promise}
      </li>
    ))}
  </ul>
);

/** Variants are products of their own, so each is a link and the address is the choice. */
const Variants = ({ product }: { product: Product }) => {
  const { groupId } = product;
  const { data } = query.useQuery(
    'get',
    '/api/products',
    { params: { query: { groupId: groupId ?? '', limit: 24, sort: 'price' } } },
    { enabled: groupId !== null },
  );
  if (groupId === null || data === undefined || data.items.length < 2) return null;
  return (
    <section aria-label="Variants">
      <p className="mb-2 font-semibold text-sm">Also as</p>
      <ul className="flex flex-wrap gap-2">
        {data.items.map((variant) => (
          <li key={variant.id}>
            <Link
              to="/products/$productId"
              params={{ productId: variant.id }}
              aria-current={variant.id === product.id ? 'page' : undefined}
              className={`flex min-h-11 items-center gap-2 rounded-lg border px-2 py-1 text-sm ${variant.id === product.id ? 'border-action bg-action-wash text-action' : 'border-line hover:bg-sunken'}`}
            >
              <CoverPicture product={variant} className="w-7 rounded" />
              {variant.name}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
};

/** Attributes for programs, such as the place in the seeded catalogue, are not for shoppers. */
const hiddenAttributes = new Set(['place']);

const factOrder = ['brand', 'material', 'colour', 'pieces', 'size', 'care'];
/** Known facts in this order, others behind them in theirs. */
const rankOf = (name: string): number => factOrder.indexOf(name) + 1 || factOrder.length + 1;

/** What can be said in a word or two; where nothing can, the shelf that the product stands on is a fact as well. */
const Facts = ({ product }: { product: Product }) => {
  const facts = [
    ...(product.brand === null ? [] : [['brand', product.brand] as const]),
    ...Object.entries(product.attributes).filter(([name]) => !hiddenAttributes.has(name)),
  ].sort(([a], [b]) => rankOf(a) - rankOf(b));
  return (
    <section aria-label="Details" className="flex flex-col gap-4">
      <dl className="divide-y divide-line border-line border-y text-[0.9375rem]">
        {[...facts, ['shelf', categoryWords(product.category)] as const].map(([name, value]) => (
          <div key={name} className="grid grid-cols-[7rem_1fr] gap-x-6 py-2">
            <dt className="text-ink-soft">{categoryWords(name)}</dt>
            <dd className="min-w-0 break-words">
              {typeof value === 'boolean' ? (value ? 'Yes' : 'No') : String(value)}
            </dd>
          </div>
        ))}
      </dl>
      {product.tags.length > 0 && (
        <ul aria-label="Themes" className="flex flex-wrap gap-2">
          {product.tags.map((tag) => (
            <li key={tag}>
              <Link
                to="/search"
                search={{ q: tag }}
                className="name inline-flex min-h-9 items-center rounded-full bg-sunken px-3.5 text-sm hover:underline"
              >
                {tag}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
};
