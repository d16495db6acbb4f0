import { memo, useMemo } from 'react';
import { type Covered, coverOf } from './cover.ts';

/**
 * The drawn cover in its box of 4 by 5. It needs no download and never moves what is around it. A photograph, where the
 * product has one, fades in over it within the same box. Hidden from screen readers, since the name stands beside it.
 */
export const CoverPicture = memo(
  ({ product, image, className }: { product: Covered; image?: string | undefined; className?: string }) => {
    const { id, name, category } = product;
    const { strokes, label, inks } = useMemo(() => coverOf({ id, name, category }), [id, name, category]);
    return (
      <div aria-hidden="true" className={`relative aspect-4/5 overflow-hidden ${className ?? ''}`}>
        <svg
          aria-hidden="true"
          viewBox="0 0 80 100"
          className="cover absolute inset-0 size-full"
          preserveAspectRatio="xMidYMid slice"
        >
          {strokes.map(({ path, fill, transform }, nth) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the strokes of a cover never change their order.
            <path key={nth} d={path} fill={fill} transform={transform} />
          ))}
          {label && (
            <g>
              <circle cx="70" cy="90" r="6.5" fill={inks.ink} />
              <text x="70" y="92.4" textAnchor="middle" fontSize="6.5" fontWeight="700" fill={inks.paper}>
                {label}
              </text>
            </g>
          )}
        </svg>
        {image && (
          <img
            src={image}
            alt=""
            width={400}
            height={500}
            loading="lazy"
            decoding="async"
            onError={(event) => event.currentTarget.remove()}
            className="absolute inset-0 size-full object-cover"
          />
        )}
      </div>
    );
  },
);
CoverPicture.displayName = 'CoverPicture';
