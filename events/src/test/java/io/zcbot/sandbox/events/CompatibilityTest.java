/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Changes of the contract break no reader and no writer of a released version. */
class CompatibilityTest {
  /**
   * Releases whose readers and writers may still be in use; {@code released/} has their schemas.
   */
  private static final List<String> RELEASES = List.of("0.1");

  @Test
  void theContractIsCompatibleWithWhatWasReleased() throws IOException {
    List<String> breaks = new ArrayList<>();
    for (String release : RELEASES) {
      for (Topic topic : Topic.values()) {
        JsonNode released = released(release, topic);
        if (released != null) {
          SchemaChanges.breaks(released, TestSchemas.tree(topic), topic.isInput())
              .forEach(each -> breaks.add(topic.named("") + each + " since " + release));
        }
      }
      assertThat(released(release, Topic.ENSURE)).as(release).isNotNull();
    }
    assertThat(breaks).isEmpty();
  }

  /** Remove this test when 0.1 is released: its schemas do not change any more then. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DEAD_LETTER")
  void untilItsReleaseAVersionHasTheCurrentSchemas(Topic topic) throws IOException {
    assertThat(released("0.1", topic))
        .as("copy events/src/main/resources/schemas/ to events/src/test/resources/released/0.1/")
        .isEqualTo(TestSchemas.tree(topic));
  }

  private static JsonNode released(String release, Topic topic) throws IOException {
    String file = "/released/" + release + "/" + topic.named("") + ".json";
    try (InputStream in = CompatibilityTest.class.getResourceAsStream(file)) {
      return in == null
          ? null
          : TestSchemas.tree(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  /** In short: 'what it was', 'what it is', what breaks of a request, and what of a result. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          {} | {} | - | -
          # what a schema says for people
          {title:a} | {title:b,description:c} | - | -
          # fields
          {properties:{a:{}}} | {properties:{a:{},b:{}}} | - | -
          {properties:{a:{}}} | {properties:{}} | /a: removed | /a: removed
          {properties:{a:{}}} | {} | /a: removed | /a: removed
          {properties:{a:{type:string}}} | {properties:{a:{type:integer}}} | /a: type changed | /a: type changed
          {type:object} | {} | - | : type widened
          {} | {type:object} | : type narrowed | : type narrowed
          # required fields
          {properties:{a:{}}} | {properties:{a:{}},required:[a]} | /a: required now | /a: required now
          {properties:{a:{}},required:[a]} | {properties:{a:{}}} | - | /a: optional now
          # values
          {enum:[a,b]} | {enum:[b,a]} | - | -
          {enum:[a,b]} | {enum:[a]} | : the value "b" removed | : the value "b" removed
          {enum:[a]} | {enum:[a,b]} | - | : values widened
          {const:a} | {enum:[a,b]} | - | : values widened
          {enum:[a]} | {} | - | : values widened
          {} | {enum:[a]} | : values narrowed | : values narrowed
          {anyOf:[{const:a},{type:string}]} | {anyOf:[{const:a},{const:b},{type:string}]} | - | -
          {anyOf:[{const:a},{const:b},{type:string}]} | {anyOf:[{const:a},{type:string}]} | : the value "b" removed | : the value "b" removed
          {anyOf:[{const:a},{type:string}]} | {enum:[a]} | : no further values | : no further values
          {enum:[a]} | {anyOf:[{const:a},{type:string}]} | - | : values widened
          # bounds
          {maximum:5} | {maximum:4} | : maximum narrowed | : maximum narrowed
          {maximum:5} | {maximum:6} | - | : maximum widened
          {maximum:5} | {} | - | : maximum widened
          {} | {maximum:5} | : maximum narrowed | : maximum narrowed
          {minimum:5} | {minimum:6} | : minimum narrowed | : minimum narrowed
          {minimum:5} | {minimum:4} | - | : minimum widened
          {} | {minLength:1} | : minLength narrowed | : minLength narrowed
          {maxLength:5} | {maxLength:4} | : maxLength narrowed | : maxLength narrowed
          {maxItems:5} | {maxItems:4} | : maxItems narrowed | : maxItems narrowed
          # forms
          {pattern:a} | {pattern:b} | : pattern changed | : pattern changed
          {} | {format:date} | : format narrowed | : format narrowed
          # what is inside
          {items:{type:string}} | {items:{type:integer}} | /items: type changed | /items: type changed
          {properties:{a:{properties:{b:{}}}}} | {properties:{a:{properties:{}}}} | /a/b: removed | /a/b: removed
          # combinations
          {oneOf:[{required:[a]}]} | {oneOf:[{required:[a]},{required:[b]}]} | - | : oneOf widened
          {oneOf:[{required:[a]},{required:[b]}]} | {oneOf:[{required:[a]}]} | : oneOf narrowed | : oneOf narrowed
          {} | {oneOf:[{required:[a]}]} | : oneOf narrowed | : oneOf narrowed
          {} | {allOf:[{not:{required:[a,b]}}]} | : allOf narrowed | : allOf narrowed
          # what is referred to
          {$defs:{t:{maxLength:5}},properties:{a:{$ref:#/$defs/t}}} | {$defs:{t:{maxLength:4}},properties:{a:{$ref:#/$defs/t}}} | /a: maxLength narrowed | /a: maxLength narrowed
          {$defs:{t:{maxLength:5}},properties:{a:{$ref:#/$defs/t}}} | {properties:{a:{maxLength:5}}} | - | -
          # the schema's name
          {$id:a} | {$id:b} | : $id changed | : $id changed
          """)
  void knowsWhatBreaks(String before, String after, String request, String result) {
    assertBreaks(before, after, true, request);
    assertBreaks(before, after, false, result);
  }

  private static void assertBreaks(String before, String after, boolean isRequest, String what) {
    List<String> breaks = SchemaChanges.breaks(schema(before), schema(after), isRequest);
    if (what.equals("-")) {
      assertThat(breaks).isEmpty();
    } else {
      assertThat(breaks).singleElement().asString().startsWith(what);
    }
  }

  /** JSON without quotation marks. */
  private static JsonNode schema(String text) {
    return TestSchemas.tree(
        text.replaceAll("[^{}\\[\\],:\\s]+", "\"$0\"").replaceAll("\"(\\d+)\"", "$1"));
  }
}
