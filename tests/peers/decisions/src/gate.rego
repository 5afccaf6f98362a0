# The question in Rego. Records are filed under the person whose data they bear on; sets are sets.
package gate

import rego.v1

unit := data.units[input.unit]

open if {
	data.in_order
	unit.verified
	not unit.suspended
	input.purpose in unit.purposes
}

agreed contains category if {
	some agreement in unit.agreements
	input.purpose in agreement.purposes
	agreement.from <= input.now
	input.now < agreement.until
	some category in agreement.categories
}

ceiling := unit.ceilings[input.purpose]

# What the unit may get at most of anybody, on consent.
bound := (input.categories & {category | some category, _ in ceiling}) & agreed

permitted(person) := {category |
	some record in data.records[person]
	record.to in unit.permitted_as
	count(unit.places - record.regions) == 0
	input.purpose in record.purposes
	record.from <= input.now
	input.now < record.until
	record.speaking_freely
	record.understood
	not record.used
	some category in record.permitted - record.withdrawn
}

denied(person) := {category |
	some record in data.denials[person]
	record.to in unit.denied_as
	count(unit.denied_places & record.regions) > 0
	input.purpose in record.purposes
	some category in record.denied
}

about(person) := {"suspects"} if data.persons[person].only_suspect

about(person) := data.categories_of_others if not data.persons[person].only_suspect

mask[person] := levels if {
	open
	some person in input.persons
	levels := {category: ceiling[category] |
		some category in (permitted(person) - denied(person)) & (bound & about(person))
	}
}
