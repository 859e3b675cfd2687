// The thread pool: 0 ..< count in equal shares, one for each worker and the calling thread; whoever is done with its share
// takes from the ends of the others'.
//
// So the caller never waits for a worker that has not begun: one that wakes late, or whose processor does something
// else, finds its share done. Which thread runs an index has no influence on results.
//
// Threads start with the first job. A waiting worker spins for a while, since steps of a model follow each other closely,
// then sleeps on a condition variable: an idle pool uses no processor time. A pool that is busy (nested use, or another
// caller) makes the caller run serially.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "../include/kerf_kernels.h"

enum {
  KERF_POOL_MAX = 256,
  KERF_STACK_BYTES = 2 << 20,
  // Rounds of spinning: about 100 µs, as a yield takes longer than a pause.
  KERF_ROUNDS = 60,
  KERF_PAUSES = 30,
};

// Nanoseconds of work that are worth splitting among workers that are awake, that are worth waking them for, and of many
// pieces of work together.
static const double AWAKE = 8000, ASLEEP = 60000, MISSED = 200000;

/// What is left of a share: begin in the lower half, end in the upper one, in units of a job. A cache line of its own.
typedef struct share {
  _Alignas(64) uint64_t range;
} share;

typedef struct worker {
  kerf_pool *pool;
  int index;
} worker;

struct kerf_pool {
  int threads;
  int busy, started;
  // The job. Written while `gate` is 0.
  kerf_task_fn task;
  void *context;
  int64_t count, unit;  // indices; indices of a unit
  /// Bit 0: workers may join. The rest: how many are in the job, times 2.
  _Alignas(64) uint64_t gate;
  uint32_t epoch;  // incremented for every job
  int stop, sleeping, caller_sleeps;
  int64_t missed;  // nanoseconds of work that nobody was woken for
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  pthread_t ids[KERF_POOL_MAX];
  worker workers[KERF_POOL_MAX];
  share shares[KERF_POOL_MAX];
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Takes a unit from the begin or the end of a share; -1 where it is empty.
static int64_t take(share *s, int from_end) {
  uint64_t old = __atomic_load_n(&s->range, __ATOMIC_RELAXED);
  for (;;) {
    const uint32_t begin = (uint32_t)old, end = (uint32_t)(old >> 32);
    if (begin >= end) return -1;
    const uint64_t rest = from_end ? old - ((uint64_t)1 << 32) : old + 1;
    if (__atomic_compare_exchange_n(&s->range, &old, rest, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return from_end ? (int64_t)end - 1 : (int64_t)begin;
  }
}

static void run_unit(const kerf_pool *p, int64_t index) {
  const int64_t begin = index * p->unit, rest = p->count - begin, n = rest < p->unit ? rest : p->unit;
  for (int64_t i = begin; i < begin + n; i++) p->task(p->context, i);
}

/// A thread's own share, then what is left of the others'.
static void run_shares(kerf_pool *p, int own) {
  for (int i = 0; i < p->threads; i++) {
    share *s = &p->shares[(own + i) % p->threads];
    for (int64_t unit; (unit = take(s, i > 0)) >= 0;) run_unit(p, unit);
  }
}

/// Waits for a job newer than `seen`; sleeping after the spin.
static void wait_for_job(kerf_pool *p, uint32_t seen) {
  for (int round = 0; round < KERF_ROUNDS; round++) {
    for (int i = 0; i < KERF_PAUSES; i++) {
      if (__atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE) != seen) return;
      relax();
    }
    sched_yield();
  }
  pthread_mutex_lock(&p->lock);
  __atomic_add_fetch(&p->sleeping, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&p->epoch, __ATOMIC_SEQ_CST) == seen) pthread_cond_wait(&p->wake, &p->lock);
  __atomic_sub_fetch(&p->sleeping, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&p->lock);
}

static int join(kerf_pool *p) {
  uint64_t gate = __atomic_load_n(&p->gate, __ATOMIC_RELAXED);
  while (gate & 1)
    if (__atomic_compare_exchange_n(&p->gate, &gate, gate + 2, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return 1;
  return 0;
}

static void leave(kerf_pool *p) {
  if (__atomic_sub_fetch(&p->gate, 2, __ATOMIC_SEQ_CST) != 0) return;
  if (!__atomic_load_n(&p->caller_sleeps, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_signal(&p->done);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *argument) {
  const worker *w = argument;
  kerf_pool *p = w->pool;
  // A new thread has the mode of the one that started it.
  kerf_set_float_mode(KERF_FLOAT_MODE);
  for (uint32_t seen = 0;;) {
    wait_for_job(p, seen);
    seen = __atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) return NULL;
    if (!join(p)) continue;
    run_shares(p, w->index);
    leave(p);
  }
}

/// Lets the workers know of a job, or of the order to stop.
static void publish(kerf_pool *p) {
  __atomic_add_fetch(&p->epoch, 1, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&p->sleeping, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

/// Closes the job and waits for the workers in it. They are at their last units.
static void close_job(kerf_pool *p) {
  __atomic_and_fetch(&p->gate, ~(uint64_t)1, __ATOMIC_SEQ_CST);
  for (int round = 0; round < KERF_ROUNDS; round++) {
    for (int i = 0; i < KERF_PAUSES; i++) {
      if (!__atomic_load_n(&p->gate, __ATOMIC_ACQUIRE)) return;
      relax();
    }
    sched_yield();
  }
  pthread_mutex_lock(&p->lock);
  __atomic_store_n(&p->caller_sleeps, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&p->gate, __ATOMIC_SEQ_CST)) pthread_cond_wait(&p->done, &p->lock);
  __atomic_store_n(&p->caller_sleeps, 0, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&p->lock);
}

static void set_job(kerf_pool *p, kerf_task_fn task, void *context, int64_t count) {
  p->task = task;
  p->context = context;
  p->count = count;
  p->unit = count / (1 << 30) + 1;
  const int64_t units = count / p->unit + (count % p->unit != 0);
  for (int i = 0; i < p->threads; i++) {
    const uint64_t begin = (uint64_t)(units * i / p->threads), end = (uint64_t)(units * (i + 1) / p->threads);
    __atomic_store_n(&p->shares[i].range, end << 32 | begin, __ATOMIC_RELAXED);
  }
}

/// Starts the workers; those that cannot be started are not missed.
static void start_workers(kerf_pool *p) {
  int started = 1;
  pthread_attr_t attributes;
  if (!pthread_attr_init(&attributes)) {
    pthread_attr_setstacksize(&attributes, KERF_STACK_BYTES);
    for (; started < p->threads; started++) {
      p->workers[started] = (worker){p, started};
      if (pthread_create(&p->ids[started], &attributes, work, &p->workers[started])) break;
    }
    pthread_attr_destroy(&attributes);
  }
  __atomic_store_n(&p->started, started, __ATOMIC_RELEASE);
}

void kerf_parallel(kerf_pool *pool, kerf_task_fn task, void *context, int64_t count) {
  int idle = 0;
  if (!pool || count <= 1 ||
      !__atomic_compare_exchange_n(&pool->busy, &idle, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    for (int64_t i = 0; i < count; i++) task(context, i);
    return;
  }
  if (!pool->started) start_workers(pool);
  set_job(pool, task, context, count);
  __atomic_store_n(&pool->gate, 1, __ATOMIC_RELEASE);
  publish(pool);
  run_shares(pool, 0);
  close_job(pool);
  __atomic_store_n(&pool->busy, 0, __ATOMIC_RELEASE);
}

kerf_pool *kerf_pool_worth(kerf_pool *pool, double nanoseconds) {
  if (!pool || nanoseconds < AWAKE) return NULL;
  const int awake = __atomic_load_n(&pool->started, __ATOMIC_RELAXED) && !__atomic_load_n(&pool->sleeping, __ATOMIC_RELAXED);
  if (awake || nanoseconds >= ASLEEP) return pool;
  // Callers that count at the same time lose a little of it.
  const int64_t missed = __atomic_load_n(&pool->missed, __ATOMIC_RELAXED) + (int64_t)nanoseconds;
  __atomic_store_n(&pool->missed, missed < MISSED ? missed : 0, __ATOMIC_RELAXED);
  return missed < MISSED ? NULL : pool;
}

kerf_pool *kerf_pool_create(int threads) {
  if (threads <= 1) return NULL;
  kerf_pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
  if (!p) return NULL;
  *p = (kerf_pool){.threads = threads < KERF_POOL_MAX ? threads : KERF_POOL_MAX};
  if (pthread_mutex_init(&p->lock, NULL) || pthread_cond_init(&p->wake, NULL) || pthread_cond_init(&p->done, NULL)) {
    free(p);
    return NULL;
  }
  return p;
}

void kerf_pool_destroy(kerf_pool *pool) {
  if (!pool) return;
  __atomic_store_n(&pool->stop, 1, __ATOMIC_RELEASE);
  publish(pool);
  for (int i = 1; i < pool->started; i++) pthread_join(pool->ids[i], NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

int kerf_pool_threads(const kerf_pool *pool) { return pool ? pool->threads : 1; }
