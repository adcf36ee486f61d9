package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the users of partitions that became this worker's: what the live table has of them and
 * does not run here went with its host, and is announced lost before their next ensure is served.
 */
public final class Takeover {
  private static final Logger log = LoggerFactory.getLogger(Takeover.class);

  private final Registry registry;
  private final Reaping reaping;
  private final UserLanes lanes;

  Takeover(Registry registry, Reaping reaping, UserLanes lanes) {
    this.registry = registry;
    this.reaping = reaping;
    this.lanes = lanes;
  }

  /**
   * Announces what is lost.
   *
   * @param live the partitions' entries of the live table
   * @return what was lost, once all is announced
   */
  public CompletableFuture<List<LiveSandbox>> takeOver(Collection<LiveSandbox> live) {
    List<LiveSandbox> lost = Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (LiveSandbox entry : live) {
      CompletableFuture<Void> done = new CompletableFuture<>();
      all.add(done);
      // In the lane, behind whatever this worker itself still does for the user.
      boolean accepted =
          lanes.submit(
              entry.userId(),
              () -> {
                try {
                  if (!runsHere(entry)) {
                    reaping.lost(entry);
                    lost.add(entry);
                  }
                  done.complete(null);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                  done.completeExceptionally(e);
                } catch (RuntimeException | Error e) {
                  done.completeExceptionally(e);
                  throw e;
                }
              });
      if (!accepted) {
        done.cancel(false);
      }
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(
            _ -> {
              if (!lost.isEmpty()) {
                log.info("{} sandboxes of users taken over were lost", lost.size());
              }
              return List.copyOf(lost);
            });
  }

  private boolean runsHere(LiveSandbox entry) {
    Sandbox known = registry.get(entry.userId());
    return known != null && known.containerId().equals(entry.containerId());
  }
}
