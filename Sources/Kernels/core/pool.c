// The thread pool: a static partition of 0 ..< count over the workers and the calling thread.
//
// A waiting thread spins for a few microseconds, then yields for a while, then sleeps on a condition variable: an idle
// pool uses no processor time. A pool that is busy (nested use, or another caller) makes the caller run serially.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "../include/kerf_kernels.h"

enum { KERF_POOL_MAX = 256, KERF_SPINS = 400, KERF_YIELDS = 60, KERF_STACK_BYTES = 2 << 20 };

typedef struct worker {
  kerf_pool *pool;
  int index;
} worker;

struct kerf_pool {
  int threads;
  uint32_t epoch;    // incremented for every job
  uint32_t pending;  // workers that have not finished the job
  int busy, stop, sleeping, caller_sleeps;
  kerf_task_fn task;
  void *context;
  int64_t count;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  pthread_t ids[KERF_POOL_MAX];
  worker workers[KERF_POOL_MAX];
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Spins until *value differs from `old` (or, with `equal`, until it is `old`); 0 when it gave up.
static int spin(const uint32_t *value, uint32_t old, int equal) {
  for (int i = 0; i < KERF_SPINS + KERF_YIELDS; i++) {
    if ((__atomic_load_n(value, __ATOMIC_ACQUIRE) == old) == equal) return 1;
    if (i < KERF_SPINS) relax(); else sched_yield();
  }
  return 0;
}

static void run_share(kerf_pool *p, int index) {
  // 128-bit products: any count is fine.
  const int64_t begin = (int64_t)((__int128)p->count * index / p->threads);
  const int64_t end = (int64_t)((__int128)p->count * (index + 1) / p->threads);
  for (int64_t i = begin; i < end; i++) p->task(p->context, i);
}

/// Waits for a job newer than `seen`; sleeping after the spin.
static void wait_for_job(kerf_pool *p, uint32_t seen) {
  if (spin(&p->epoch, seen, 0)) return;
  pthread_mutex_lock(&p->lock);
  p->sleeping++;
  while (__atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE) == seen) pthread_cond_wait(&p->wake, &p->lock);
  p->sleeping--;
  pthread_mutex_unlock(&p->lock);
}

static void finish_share(kerf_pool *p) {
  if (__atomic_sub_fetch(&p->pending, 1, __ATOMIC_ACQ_REL) != 0) return;
  pthread_mutex_lock(&p->lock);
  if (p->caller_sleeps) pthread_cond_signal(&p->done);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *argument) {
  const worker *w = argument;
  kerf_pool *p = w->pool;
  for (uint32_t seen = 0;; seen++) {
    wait_for_job(p, seen);
    if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) return NULL;
    run_share(p, w->index);
    finish_share(p);
  }
}

/// Publishes a job (or the order to stop) to the workers.
static void publish(kerf_pool *p) {
  pthread_mutex_lock(&p->lock);
  __atomic_add_fetch(&p->epoch, 1, __ATOMIC_RELEASE);
  if (p->sleeping) pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

static void wait_for_workers(kerf_pool *p) {
  if (!spin(&p->pending, 0, 1)) {
    pthread_mutex_lock(&p->lock);
    p->caller_sleeps = 1;
    while (__atomic_load_n(&p->pending, __ATOMIC_ACQUIRE)) pthread_cond_wait(&p->done, &p->lock);
    p->caller_sleeps = 0;
    pthread_mutex_unlock(&p->lock);
    return;
  }
  // The last worker may still hold the lock; passing through it here lets the pool be destroyed safely afterwards.
  pthread_mutex_lock(&p->lock);
  pthread_mutex_unlock(&p->lock);
}

void kerf_parallel(kerf_pool *pool, kerf_task_fn task, void *context, int64_t count) {
  int idle = 0;
  if (!pool || count <= 1 ||
      !__atomic_compare_exchange_n(&pool->busy, &idle, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    for (int64_t i = 0; i < count; i++) task(context, i);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->count = count;
  __atomic_store_n(&pool->pending, (uint32_t)(pool->threads - 1), __ATOMIC_RELAXED);
  publish(pool);
  run_share(pool, 0);
  wait_for_workers(pool);
  __atomic_store_n(&pool->busy, 0, __ATOMIC_RELEASE);
}

static void stop_workers(kerf_pool *p, int started) {
  __atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
  publish(p);
  for (int i = 1; i < started; i++) pthread_join(p->ids[i], NULL);
  pthread_cond_destroy(&p->done);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->lock);
  free(p);
}

/// Starts the workers; the number of threads that run, with the caller's.
static int start_workers(kerf_pool *p) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes)) return 1;
  pthread_attr_setstacksize(&attributes, KERF_STACK_BYTES);
  int started = 1;
  for (; started < p->threads; started++) {
    p->workers[started] = (worker){p, started};
    if (pthread_create(&p->ids[started], &attributes, work, &p->workers[started])) break;
  }
  pthread_attr_destroy(&attributes);
  return started;
}

kerf_pool *kerf_pool_create(int threads) {
  if (threads <= 1) return NULL;
  kerf_pool *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->threads = threads < KERF_POOL_MAX ? threads : KERF_POOL_MAX;
  if (pthread_mutex_init(&p->lock, NULL) || pthread_cond_init(&p->wake, NULL) || pthread_cond_init(&p->done, NULL)) {
    free(p);
    return NULL;
  }
  const int started = start_workers(p);
  if (started == p->threads) return p;
  stop_workers(p, started);
  return NULL;
}

void kerf_pool_destroy(kerf_pool *pool) {
  if (pool) stop_workers(pool, pool->threads);
}

int kerf_pool_threads(const kerf_pool *pool) { return pool ? pool->threads : 1; }
