{# Brian2's loop over the active synapses, as two: see brianpresyn/two_loops.py. #}
{# USES_VARIABLES { _synaptic_pre } #}
{% extends 'synapses.cpp' %}

{% macro _act() %}
            {% for type, name, used, setting in carried if loops|length in used %}
            {{type}} {{name}} = _carried_{{name}}[_k];
            {% endfor %}
            {{vector_code['act']|autoindent}}
{% endmacro %}

{% block maincode %}
{% if vector_code is not mapping %}
{{ super() }}
{% else %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code['whole']|autoindent}}

    const std::vector<int>& _active = *{{pathway.name}}.peek();
    const int _num_active = _active.size();
    {% if n_threads %}
    {% for type, name, used, setting in carried if loops|length in used %}
    static std::vector<{{type}}> _all_{{name}};
    _all_{{name}}.resize(_num_active);
    {% endfor %}
    #pragma omp parallel for schedule(static) num_threads({{n_threads}}) if (_num_active > {{worth_threads}})
    for (int _chunk = 0; _chunk < _num_active; _chunk += _presyn_most)
    {
    const int _end = _num_active - _chunk < _presyn_most ? _num_active : _chunk + _presyn_most;
    for (int _start = _chunk, _number; _start < _end; _start += _number)
    {
        const int _left = _end - _start;
        {% for type, name, used, setting in carried %}
        {% if loops|length in used %}
        {{type}}* const _carried_{{name}} = &_all_{{name}}[_start];
        {% else %}
        {{type}} _carried_{{name}}[_presyn_most];
        {% endif %}
        {% endfor %}
    {% else %}
    for (int _start = 0, _number; _start < _num_active; _start += _number)
    {
        const int _left = _num_active - _start;
        {% for type, name, used, setting in carried %}
        {{type}} _carried_{{name}}[_presyn_most];
        {% endfor %}
    {% endif %}
        const int* const _own = &_active[_start];
        const int _first = _own[0];
        if (_left < {{fewest}} || _own[{{fewest}} - 1] != _first + {{fewest}} - 1)
        {
            _number = _left < {{fewest}} ? _left : {{fewest}};
            for (int _k = 0; _k < _number; _k++)
            {
                const size_t _idx = _own[_k];
                const size_t _vectorisation_idx = _idx;
                {% if n_threads %}
                {{vector_code['inner']|autoindent}}
                {% for type, name, used, setting in carried if loops|length in used %}
                _carried_{{name}}[_k] = {{name}};
                {% endfor %}
                {% else %}
                {{vector_code['whole']|autoindent}}
                {% endif %}
            }
            continue;
        }
        _number = _presyn_run_length(_own, _left < _presyn_most ? _left : _presyn_most);
        {% for draws in loops %}
        {% set number = loop.index0 %}
        {% for draw in draws if draw.key %}
        uint64_t _stream_{{draw.number}} = _presyn_state({{draw.key}}, 0, _first);
        {% endfor %}
        {% for draw in draws if draw.function %}
        uint64_t _state_{{draw.number}}[_presyn_most];
        int32_t _n_{{draw.number}}[_presyn_most], _all_drawn_{{draw.number}}[_presyn_most];
        double _p_{{draw.number}}[_presyn_most];
        {% endfor %}
        for (int _k = 0; _k < _number; _k++)
        {
            const size_t _idx = (size_t)_first + _k;
            const size_t _vectorisation_idx = _idx;
            {% for draw in loops[number - 1] if number and draw.function %}
            const int32_t _drawn_{{draw.number}} = _all_drawn_{{draw.number}}[_k];
            {% endfor %}
            {% for type, name, used, setting in carried if number in used %}
            {{type}} {{name}} = _carried_{{name}}[_k];
            {% endfor %}
            {{vector_code[number]|autoindent}}
            {% for type, name, used, setting in carried if number in setting %}
            _carried_{{name}}[_k] = {{name}};
            {% endfor %}
            {% for draw in draws if draw.key %}
            _stream_{{draw.number}} += _presyn_synapse_step;
            {% endfor %}
        }
        {% for draw in draws if draw.function %}
        {{draw.function}}(_state_{{draw.number}}, _n_{{draw.number}}, _p_{{draw.number}}, _number,
                          _all_drawn_{{draw.number}});
        {% endfor %}
        {% endfor %}
    {% if n_threads %}
    }
    }
    for (int _k = 0; _k < _num_active; _k++)
    {
        const size_t _idx = _active[_k];
        const size_t _vectorisation_idx = _idx;
        {% for type, name, used, setting in carried if loops|length in used %}
        {{type}}* const _carried_{{name}} = _all_{{name}}.data();
        {% endfor %}
        {{_act()}}
    }
    {% else %}
        for (int _k = 0; _k < _number; _k++)
        {
            const size_t _idx = (size_t)_first + _k;
            const size_t _vectorisation_idx = _idx;
            {{_act()}}
        }
    }
    {% endif %}
{% endif %}
{% endblock %}
