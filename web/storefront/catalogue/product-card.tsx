import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { CoverPicture } from '../../cover/cover.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { Price } from '../../money/price.tsx';
import { type Product, stockWords } from './products.ts';
import { Stars } from './stars.tsx';

/** A product on a shelf or in a list. The whole card is one link; the name is its text. */
export const ProductCard = ({
  product,
  note,
  onOpen,
}: {
  product: Product;
  /** Why it is shown here. */
  note?: ReactNode;
  onOpen?: () => void;
}) => {
  const { text, tone } = stockWords(product.available);
  return (
    <article className="group relative flex h-full flex-col">
      <CoverPicture
        product={product}
        image={product.images[0]}
        className="rounded-xl transition-[translate,box-shadow] duration-200 ease-settle group-hover:-translate-y-1 group-hover:shadow-card"
      />
      <div className="flex min-h-[5.2rem] flex-1 flex-col gap-0.5 pt-3">
        <h3 className="line-clamp-2 text-[0.9375rem] leading-[1.3]">
          <Link
            to="/products/$productId"
            params={{ productId: product.id }}
            {...(onOpen ? { onClick: onOpen } : {})}
            className="after:absolute after:inset-0 group-hover:underline group-hover:decoration-2 group-hover:underline-offset-4"
          >
            {product.name}
          </Link>
        </h3>
        <p className="flex flex-wrap items-baseline gap-x-2">
          <Price money={product.price} className="font-semibold" />
          {tone !== 'good' && (
            <span className={tone === 'out' ? 'text-ink-soft text-sm' : 'text-sm text-warn'}>{text}</span>
          )}
        </p>
        {product.rating.count > 0 && (
          <Stars average={product.rating.average} count={product.rating.count} size={14} />
        )}
        {note && <p className="text-ink-soft text-sm leading-snug">{note}</p>}
      </div>
    </article>
  );
};

/** The boxes of a card before it is there. */
export const CardSkeleton = () => (
  <div aria-hidden="true">
    <Skeleton className="aspect-4/5 rounded-xl" />
    <div className="flex min-h-[5.2rem] flex-col gap-2 pt-3">
      <Skeleton className="h-4 w-11/12" />
      <Skeleton className="h-4 w-1/3" />
    </div>
  </div>
);

export const gridClasses = 'grid grid-cols-2 gap-x-4 gap-y-8 sm:grid-cols-3 lg:grid-cols-4 lg:gap-x-6';

const places = Array.from({ length: 24 }, (_, place) => place);

export const GridSkeleton = ({ cards = 12 }: { cards?: number }) => (
  <div className={gridClasses}>
    {places.slice(0, cards).map((place) => (
      <CardSkeleton key={place} />
    ))}
  </div>
);
