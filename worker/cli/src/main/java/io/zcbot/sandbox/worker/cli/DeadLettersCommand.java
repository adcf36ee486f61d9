/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.PrintWriter;
import java.util.List;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The command {@code dead-letters}: shows records that were not valid events, and sends them to the
 * workers again.
 */
@Command(
    name = "dead-letters",
    description = "List, show or redrive records that were not valid events.")
final class DeadLettersCommand {
  private static final int SHOWN_BYTES = 64 * 1024;
  private static final String ID = "its partition and offset in the dead-letter topic, as in 3-17";

  private final CommandContext context;

  DeadLettersCommand(CommandContext context) {
    this.context = context;
  }

  @Command(description = "List the dead letters, the oldest first.")
  int list(@Mixin DeadLetterSelection selection) throws CommandException {
    try (KafkaLog log = context.log()) {
      DeadLetterList list = new DeadLetterList();
      selection.read(log, list::add);
      if (list.isEmpty()) {
        context.console().out().println("no dead letters");
      } else {
        context.console().out().print(list.text());
        context.console().out().flush();
      }
      if (list.omitted() > 0) {
        context
            .console()
            .err()
            .println(list.omitted() + " older ones are not listed; --from and --to select them");
      }
      return ExitCode.OK;
    }
  }

  @Command(
      description = {
        "Print one dead letter with its record's key, value and headers.",
        "Bytes that are not printable ASCII are shown as \\xNN."
      })
  int show(@Parameters(paramLabel = "ID", description = "The dead letter: " + ID + ".") String id)
      throws CommandException {
    try (KafkaLog log = context.log()) {
      DeadLetter letter = held(log, new DeadLetterSelection(), List.of(id)).getFirst();
      PrintWriter out = context.console().out();
      out.println("id         " + letter.id());
      out.println("time       " + letter.at());
      out.println("reason     " + EscapedBytes.of(letter.error()));
      out.println("origin     " + EscapedBytes.of(letter.origin()));
      out.println("appended   " + (letter.originTime() == null ? "?" : letter.originTime()));
      out.println("redriven   " + letter.redriven() + " times");
      if (letter.isTruncated()) {
        out.println("truncated  the record was too large to be kept as it was");
      }
      out.println("key        " + EscapedBytes.of(letter.record().key(), SHOWN_BYTES));
      for (Header header : letter.originalHeaders()) {
        out.println(
            "header     "
                + EscapedBytes.of(header.key())
                + ": "
                + EscapedBytes.of(header.value(), SHOWN_BYTES));
      }
      out.println("value      " + EscapedBytes.of(letter.record().value(), SHOWN_BYTES));
      return ExitCode.OK;
    }
  }

  @Command(
      description = {
        "Send records to the topics that they came from, with their keys, values and headers.",
        "The dead letters stay in their topic. Each record counts how often it was redriven, and is"
            + " refused beyond --max."
      })
  int redrive(
      @Mixin DeadLetterSelection selection,
      @Parameters(
              paramLabel = "ID",
              arity = "0..*",
              description =
                  "The dead letters: " + ID + ". Without one, all that the options select.")
          @Nullable List<String> ids,
      @Option(
              names = "--max",
              paramLabel = "N",
              defaultValue = "3",
              description = "How often a record may be redriven (default: 3).")
          int most,
      @Option(names = "--force", description = "Redrive records beyond --max as well.")
          boolean force,
      @Option(names = "--dry-run", description = "Only print what would be sent.") boolean dryRun,
      @Option(
              names = {"-y", "--yes"},
              description = "Do not ask for confirmation.")
          boolean yes)
      throws CommandException, InterruptedException {
    try (KafkaLog log = context.log()) {
      List<String> named = ids == null ? List.of() : ids;
      List<DeadLetter> letters = held(log, selection, named);
      if (named.isEmpty() && !dryRun && !letters.isEmpty() && !yes && !confirmed(letters.size())) {
        throw new CommandException(
            ExitCode.USAGE,
            letters.size() + " dead letters were not redriven; to go on, add --yes",
            null);
      }
      return redrive(log, letters, force ? Long.MAX_VALUE : most, dryRun);
    }
  }

  private boolean confirmed(int count) {
    return context.console().confirms("Redrive " + count + " dead letters?");
  }

  private int redrive(KafkaLog log, List<DeadLetter> letters, long most, boolean dryRun)
      throws CommandException, InterruptedException {
    int refused = 0;
    for (DeadLetter letter : letters) {
      ProducerRecord<byte[], byte[]> record = letter.redrive(log.config().topicPrefix());
      String problem = null;
      if (record == null) {
        problem =
            letter.isTruncated()
                ? "the record was too large to be kept as it was"
                : "its origin " + EscapedBytes.of(letter.originTopic()) + " is no input topic";
      } else if (letter.redriven() >= most) {
        problem = "it was redriven " + letter.redriven() + " times; to go on, add --force";
      }
      if (problem != null || record == null) {
        refused++;
        context.console().err().println("could not redrive " + letter.id() + ": " + problem);
      } else if (dryRun) {
        context.console().out().println("would redrive " + letter.id() + " to " + record.topic());
      } else {
        context.console().out().println("redriven " + letter.id() + " at " + log.send(record));
      }
    }
    if (letters.isEmpty()) {
      context.console().out().println("no dead letters");
    }
    return refused == 0 ? ExitCode.OK : ExitCode.FAILED;
  }

  private static List<DeadLetter> held(
      KafkaLog log, DeadLetterSelection selection, List<String> ids) throws CommandException {
    HeldDeadLetters letters = new HeldDeadLetters(ids);
    selection.read(log, letters::add);
    return letters.all();
  }
}
