/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.jspecify.annotations.Nullable;

/**
 * A consumer group with the protocol of KIP-848: the coordinator assigns partitions. A partition
 * goes to its next owner once the former one acknowledged that it gave it up, or left, or its
 * session ended. Members are static.
 */
final class ModelGroup {
  static final Duration SESSION = Duration.ofSeconds(10);
  private static final Duration TICK = Duration.ofMillis(500);

  /** Minutes in a real group. */
  private final ModelBroker broker;

  private final Map<String, Member> members = new TreeMap<>();
  private final Map<Integer, OffsetAndMetadata> committed = new HashMap<>();
  private BiConsumer<Integer, Long> onCommit = (_, _) -> {};
  private int epoch;

  /** A member, as the coordinator knows it. */
  private static final class Member {
    final String instance;
    String id;
    boolean away;
    long lastSeen;
    Set<Integer> target = new TreeSet<>();
    Set<Integer> owned = new TreeSet<>();

    Member(String instance, String id) {
      this.instance = instance;
      this.id = id;
    }
  }

  ModelGroup(ModelBroker broker) {
    this.broker = broker;
    broker.machine.outside().after(TICK, this::tick);
  }

  void onCommit(BiConsumer<Integer, Long> observer) {
    onCommit = observer;
  }

  private void tick() {
    if (!broker.isAway(ModelBroker.COORDINATOR)) {
      long now = broker.machine.nanos();
      if (members.values().removeIf(member -> now - member.lastSeen > SESSION.toNanos())) {
        assign();
      }
    }
    broker.machine.outside().after(TICK, this::tick);
  }

  /** After an outage of the coordinator, all sessions begin again. */
  void resumed() {
    members.values().forEach(member -> member.lastSeen = broker.machine.nanos());
  }

  private void assign() {
    epoch++;
    List<Member> all = new ArrayList<>(members.values());
    if (all.isEmpty()) {
      return;
    }
    int most = (broker.partitions + all.size() - 1) / all.size();
    Set<Integer> free = new TreeSet<>();
    for (int i = 0; i < broker.partitions; i++) {
      free.add(i);
    }
    for (Member member : all) {
      Set<Integer> kept = new TreeSet<>();
      for (int partition : member.target) {
        if (kept.size() < most && free.remove(partition)) {
          kept.add(partition);
        }
      }
      member.target = kept;
    }
    for (int partition : free) {
      all.stream()
          .min(Comparator.comparingInt(member -> member.target.size()))
          .orElseThrow()
          .target
          .add(partition);
    }
    // Nobody has two more than another.
    while (true) {
      Member most2 = all.stream().max(Comparator.comparingInt(m -> m.target.size())).orElseThrow();
      Member least = all.stream().min(Comparator.comparingInt(m -> m.target.size())).orElseThrow();
      if (most2.target.size() - least.target.size() < 2) {
        break;
      }
      int moved = most2.target.iterator().next();
      most2.target.remove(moved);
      least.target.add(moved);
    }
    broker.news();
  }

  /** A member reports its partitions, and receives its assignment. */
  void heartbeat(MemberConsumer client) {
    Member member = members.get(client.instance());
    if (client.isJoining()) {
      if (member != null && !member.id.equals(client.id()) && !member.away) {
        client.refused(new UnreleasedInstanceIdException("the instance is in use"));
        return;
      }
      if (member == null) {
        member = new Member(client.instance(), client.id());
        members.put(client.instance(), member);
        assign();
      }
      member.id = client.id();
      member.away = false;
      client.joined();
      // What it had is to be given to it again.
      member.owned.retainAll(member.target);
      client.assigned(member.owned, epoch);
    } else if (member == null || !member.id.equals(client.id())) {
      client.fenced();
      return;
    }
    member.lastSeen = broker.machine.nanos();
    member.owned = new TreeSet<>(client.owned());
    member.owned.addAll(client.assigned());
    Set<Integer> assigned = new TreeSet<>(member.owned);
    assigned.retainAll(member.target);
    if (member.target.containsAll(member.owned)) {
      Set<Integer> free = new TreeSet<>(member.target);
      for (Member other : members.values()) {
        if (other != member) {
          free.removeAll(other.owned);
        }
      }
      assigned.addAll(free);
      member.owned.addAll(free);
    }
    client.assigned(assigned, epoch);
  }

  /** Ends the membership of the member with this instance id. */
  void remove(String instance) {
    if (members.remove(instance) != null) {
      assign();
    }
  }

  /**
   * A static member leaves temporarily (the epoch -2 of KIP-848). Partitions that it was told to
   * give up are available to others from now on; the rest is kept for it.
   */
  void goAway(MemberConsumer client) {
    Member member = members.get(client.instance());
    if (member != null && member.id.equals(client.id())) {
      member.away = true;
      member.owned.retainAll(client.assigned());
    }
  }

  void leave(MemberConsumer client) {
    Member member = members.get(client.instance());
    if (member != null && member.id.equals(client.id())) {
      remove(client.instance());
    }
  }

  void commit(MemberConsumer client, Map<TopicPartition, OffsetAndMetadata> offsets) {
    Member member = members.get(client.instance());
    if (member == null || !member.id.equals(client.id()) || client.isStale()) {
      throw new CommitFailedException("not a member");
    }
    Map<Integer, OffsetAndMetadata> sorted = new TreeMap<>();
    offsets.forEach((partition, to) -> sorted.put(partition.partition(), to));
    sorted.forEach(
        (partition, to) -> {
          committed.put(partition, to);
          broker.machine.trace("commit" + partition + "@" + to.offset());
          onCommit.accept(partition, to.offset());
        });
  }

  @Nullable OffsetAndMetadata committed(int partition) {
    return committed.get(partition);
  }

  /** Who has a partition by the coordinator's books, though it may not know it yet. */
  @Nullable String ownerOf(int partition) {
    for (Member member : members.values()) {
      if (member.owned.contains(partition)) {
        return member.instance;
      }
    }
    return null;
  }
}
