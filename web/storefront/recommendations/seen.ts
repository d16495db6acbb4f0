import { useEffect, useRef } from 'react';

const share = 0.5;
const forMs = 1000;

/** Calls `onSeen` once, after half of the element was in view for a second. */
export const useSeen = <E extends HTMLElement>(onSeen: () => void) => {
  const element = useRef<E>(null);
  const call = useRef(onSeen);
  call.current = onSeen;
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const observer = new IntersectionObserver(
      ([entry]) => {
        clearTimeout(timer);
        if (!entry?.isIntersecting || document.hidden) return;
        timer = setTimeout(() => {
          observer.disconnect();
          call.current();
        }, forMs);
      },
      { threshold: share },
    );
    observer.observe(watched);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
    };
  }, []);
  return element;
};
