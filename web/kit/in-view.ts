import { type RefObject, useEffect, useState } from 'react';

/** Whether the element was scrolled out of view at the top. */
export const useScrolledOff = (element: RefObject<HTMLElement | null>): boolean => {
  const [isOff, setOff] = useState(false);
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    const observer = new IntersectionObserver(([entry]) =>
      setOff(entry !== undefined && !entry.isIntersecting && entry.boundingClientRect.bottom < 0),
    );
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element]);
  return isOff;
};
