/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.HdrHistogram.Histogram;

/** Through {@code clients/python}, which is on librdkafka, in a process of its own. */
final class PythonLoad implements EnsureLoad {
  private final Process process;
  private final Writer orders;
  private final BufferedReader results;
  private final Path log;

  /**
   * Starts one.
   *
   * @param python an interpreter that has confluent_kafka
   */
  PythonLoad(Setting setting, String python, Kafka kafka, String prefix) throws IOException {
    log = setting.directory().resolve("load.py.log");
    ProcessBuilder builder =
        new ProcessBuilder(
                python, setting.root().resolve("bench/load.py").toString(), kafka.servers(), prefix)
            .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().put("PYTHONPATH", setting.root().resolve("clients/python").toString());
    builder.environment().put("PYTHONDONTWRITEBYTECODE", "1");
    process = builder.start();
    orders = process.outputWriter();
    results = process.inputReader();
  }

  @Override
  public void run(List<UserId> users, double perSecond, double seconds, Histogram into)
      throws IOException {
    orders.write(
        String.format(
            Locale.ROOT,
            "{\"users\": [%s], \"per_second\": %s, \"count\": %d}%n",
            users.stream().map(user -> "\"" + user + "\"").collect(Collectors.joining(", ")),
            perSecond,
            Math.round(perSecond * seconds)));
    orders.flush();
    String micros = results.readLine();
    if (micros == null) {
      throw new IOException("load.py ended: " + Files.readString(log));
    }
    for (String each : micros.substring(1, micros.length() - 1).split(", ")) {
      into.recordValue(Math.max(0, Long.parseLong(each)));
    }
  }

  @Override
  public void close() throws IOException {
    orders.close();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
