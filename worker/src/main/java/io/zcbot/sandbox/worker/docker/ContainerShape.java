package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.command.InspectContainerResponse;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How a container was made and what was changed of it since, as the engine tells it, whatever field
 * it is in: two containers of one spec on one engine have the same shape.
 *
 * @param image id of the image it runs
 * @param limits by field, without those that say nothing
 * @param process what the image has a say in, by field
 */
record ContainerShape(String image, Map<String, Object> limits, Map<String, Object> process) {
  private static final String OWN_WORKSPACE = "(the user's workspace)";
  private static final String OWN_ENVIRONMENT = "ZCBOT_";

  /** Each container has its own, or they are judged elsewhere. */
  private static final Set<String> NO_MATTER = Set.of("Labels", "Env", "Image");

  /**
   * Reads it out of an inspect's answer. From what the engine sent and not from docker-java's
   * classes: those leave out what they don't know, as a newer engine's way to lift a limit.
   *
   * @param workspace counts as the same wherever it is mounted from
   * @throws IOException if the answer is none
   */
  static ContainerShape of(InspectContainerResponse answer, Path workspace) throws IOException {
    Map<String, Object> all = answer.getRawValues();
    Map<String, Object> limits = new TreeMap<>();
    map(all, "HostConfig").forEach((field, value) -> put(limits, field, value, workspace));
    put(limits, "mounted", all.get("Mounts"), workspace);
    limits.put("networks", new TreeSet<>(map(map(all, "NetworkSettings"), "Networks").keySet()));

    Map<String, Object> config = map(all, "Config");
    List<?> environment = config.get("Env") instanceof List<?> list ? list : List.of();
    limits.put("image", String.valueOf(config.get("Image")));
    limits.put(
        "environment",
        environment.stream().filter(e -> e.toString().startsWith(OWN_ENVIRONMENT)).toList());
    Map<String, Object> process = new TreeMap<>();
    config.forEach(
        (field, value) -> {
          if (field.equals("User") || field.equals("WorkingDir")) {
            put(limits, field, value, workspace);
          } else if (!NO_MATTER.contains(field)) {
            put(process, field, value, workspace);
          }
        });
    process.put("Env", environment);
    return new ContainerShape(String.valueOf(all.get("Image")), limits, process);
  }

  /** What another has that this one has not, or the other way round; empty if they are alike. */
  List<String> differences(ContainerShape other) {
    List<String> differences = new ArrayList<>();
    compare(limits, other.limits, differences);
    // The name may stand for another image by now, with another idea of what to run.
    if (image.equals(other.image)) {
      compare(process, other.process, differences);
    }
    return differences;
  }

  private static void compare(
      Map<String, Object> wanted, Map<String, Object> found, List<String> differences) {
    Set<String> fields = new TreeSet<>(wanted.keySet());
    fields.addAll(found.keySet());
    for (String field : fields) {
      Object here = wanted.get(field);
      Object there = found.get(field);
      if (!Objects.equals(here, there)) {
        differences.add(field + " is " + shown(there) + " instead of " + shown(here));
      }
    }
  }

  private static String shown(@Nullable Object value) {
    return value == null ? "unset" : EngineErrors.clean(value.toString());
  }

  /** Fields that say nothing are as good as absent: engines differ in which they send. */
  private static void put(
      Map<String, Object> into, String field, @Nullable Object value, Path workspace) {
    if (value != null && !isSilent(value)) {
      into.put(field, neutral(value, workspace.toString()));
    }
  }

  private static boolean isSilent(Object value) {
    return switch (value) {
      case String text -> text.isEmpty();
      case Boolean flag -> !flag;
      case Number number -> number.longValue() == 0;
      case Collection<?> list -> list.isEmpty();
      case Map<?, ?> map -> map.isEmpty();
      default -> false;
    };
  }

  private static Object neutral(Object value, String workspace) {
    return switch (value) {
      case String text -> text.equals(workspace) ? OWN_WORKSPACE : text;
      case List<?> list -> list.stream().map(e -> neutral(e, workspace)).toList();
      case Map<?, ?> map -> {
        Map<String, Object> copy = new TreeMap<>();
        map.forEach((k, v) -> copy.put(k.toString(), v == null ? "" : neutral(v, workspace)));
        yield copy;
      }
      default -> value;
    };
  }

  @SuppressWarnings("unchecked") // JSON objects have strings for keys
  private static Map<String, Object> map(Map<String, Object> from, String field)
      throws IOException {
    if (from.get(field) instanceof Map<?, ?> map) {
      return (Map<String, Object>) map;
    }
    throw new IOException("the engine described a container without " + field);
  }
}
